"""The estimator: open to everybody, and in the portal. The address holds the whole description."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_htmx.http import replace_url

from accounts.access import WorkspaceRequest, workspace_page
from accounts.models import Workspace
from accounts.roles import Permission
from billing.foundation.site.public import public_page
from billing.foundation.site.selectors import site
from billing.insights.estimator.choices import Suggestion, choices, common, search
from billing.insights.estimator.form import MODELS, EstimateForm
from billing.insights.estimator.reading import averages, start, talking
from billing.insights.estimator.service import estimate
from billing.metering.selectors.days import zone

RESULT = "estimate"  # the part that htmx asks for


@public_page
def public(request: HttpRequest) -> HttpResponse:
    return _page(request, "insights/estimator_public.html", reverse("insights:estimate-public"))


@require_safe
@workspace_page(Permission.VIEW)
def portal(request: WorkspaceRequest, workspace_id: str) -> HttpResponseBase:
    with timezone.override(zone(request.workspace.time_zone)):
        address = reverse("insights:estimate", args=[workspace_id])
        return _page(request, "insights/estimator.html", address, request.workspace)


def _page(request: HttpRequest, template: str, address: str, workspace: Workspace | None = None) -> HttpResponse:
    """The page, or its result alone for htmx; a valid address that says more than it must is led to the short one."""
    asked = {name: value.replace("\0", "") for name, value in request.GET.dict().items()}
    live = request.htmx.target == RESULT  # type: ignore[attr-defined]
    own = averages(workspace) if workspace and not live else []
    beginning = start(own) if not asked else {}
    form = EstimateForm(asked, start=beginning, choices=choices(workspace))
    found = estimate(form, workspace)
    short = f"{address}?{form.query()}"
    if asked and found is not None and not live and request.get_full_path() != short:
        return redirect(short)
    context: dict[str, Any] = {
        "nav": "estimate",
        "form": form,
        "found": found,
        "address": address,
        "link": settings.SITE_URL + short,
        "lists": _lists(form, everything=not live),
        "suggested": _suggested(form),
        "own": [(each, form.query(**talking(each))) for each in own if each.modality == "text"],
        "from_own": bool(beginning),
        "face_value": site().usd_per_credit,
        "unit": site().credit_name,
        "units": site().credit_name_plural,
    }
    if not live:
        return render(request, template, context)
    return replace_url(render(request, "insights/estimator_live.html", context), short)


def _lists(form: EstimateForm, *, everything: bool) -> list[tuple[str, Sequence[Suggestion]]]:
    """(field, models) of the lists to choose from; while somebody types, of those that are looked for."""
    fields = [(name, kind) for name, (kind, _) in MODELS.items() if everything or name in form.suggested]
    return [(name, _listed(form, name) if name in form.suggested else common(kind)) for name, kind in fields]


def _listed(form: EstimateForm, name: str) -> Sequence[Suggestion]:
    return search(form.data[name], MODELS[name][0]) or form.suggested[name]


def _suggested(form: EstimateForm) -> dict[str, list[tuple[str, str]]]:
    """By field: (model, the address with it)."""
    return {
        name: [(each.ref, form.query(**{name: each.ref})) for each in found] for name, found in form.suggested.items()
    }
