"""The API page of a workspace, and the clients to download from it. Every member may see it and try an estimate."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.models import ApiKey
from accounts.roles import Permission
from accounts.selectors.keys import keys_of
from billing.api.guide.sample import Sample, sample
from billing.api.guide.snippets import LANGUAGES, snippets
from billing.api.guide.trying import TryForm, answered
from billing.api.guide.worth import calls, refusals
from billing.api.limits import minutes
from billing.metering.selectors.days import zone
from billing.pricing.selectors import meters

INTEGRATIONS = Path(__file__).parents[3] / "docs" / "integrations"
CLIENTS = {
    "purser.py": ("python/purser.py", "text/x-python"),
    "purser.ts": ("typescript/purser.ts", "text/typescript"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(Permission.VIEW)
def guide(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    with timezone.override(zone(request.workspace.time_zone)):
        about = sample(request.workspace, asked=_asked(request))
        context = _keys(request) | {"nav": "api", "calls": calls(), "refusals": refusals()}
        if about is None:
            return render(request, "api/guide.html", context)
        context |= _examples(request, about, key=next(iter(context["keys"]), None))
        form: TryForm = context["form"]
        return render(request, "api/guide.html", context, status=422 if form.errors else 200)


def _asked(request: WorkspaceRequest) -> str:
    """The model that somebody chose."""
    sent = request.POST if request.method == "POST" else request.GET
    return sent.get("model", "")[:200].replace("\0", "")


def _keys(request: WorkspaceRequest) -> dict[str, Any]:
    """Those that work, and how their minutes stand."""
    working = [key for key in keys_of(request.workspace) if not key.ended]
    stand = minutes(request.workspace, working)
    for key in working:
        key.minute = stand.keys[key.pk]  # type: ignore[attr-defined]
    prefix = working[0].prefix if working else "pws_"
    return {"keys": working, "minutes": stand, "export": f"export PURSER_KEY={prefix}…", "base_url": settings.SITE_URL}


def _examples(request: WorkspaceRequest, about: Sample, *, key: ApiKey | None) -> dict[str, Any]:
    workspace, language = request.workspace, request.GET.get("in", "curl")
    language = language if language in LANGUAGES else "curl"
    names = {key: meter.label for key, meter in meters().items()}
    form = TryForm(
        request.POST if request.method == "POST" else None, model=about.model, usage=about.usage, names=names
    )
    tried = answered(workspace, key=key, model=about.model, usage=form.usage) if form.is_valid() else None
    return {
        "sample": about,
        "language": language,
        "languages": LANGUAGES,
        "snippets": snippets(
            language,
            base_url=settings.SITE_URL,
            model=about.model,
            usage=about.usage,
            records=workspace.usage_write_allowed,
        ),
        "live": answered(workspace, key=key, model=about.model, usage=about.usage),
        "form": form,
        "tried": tried,
    }


@require_safe
@workspace_page(Permission.VIEW)
def client(request: WorkspaceRequest, workspace_id: str, name: str) -> HttpResponseBase:
    """A client's one file, as it is in docs/integrations."""
    if name not in CLIENTS:
        raise Http404("no such client")
    path, kind = CLIENTS[name]
    return FileResponse(
        (INTEGRATIONS / path).open("rb"), as_attachment=True, filename=name, content_type=f"{kind}; charset=utf-8"
    )
