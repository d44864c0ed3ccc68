"""Held changes of prices: what they are, what they cost while they wait, who uses the model; approve and reject."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.models import User
from billing.credits import clock
from billing.credits.format import MINUS, percent_text, rate_text
from billing.credits.units import credits
from billing.metering.models import HourUsage
from billing.pricing.approvals import approved_in_words, prices_approve, prices_reject
from billing.pricing.display import variant_words
from billing.pricing.held import Held, held_lines, rises_waiting
from billing.pricing.models import PriceLine

PERMISSION = "pricing.view_priceline"
MAY_DECIDE = "pricing.change_priceline"
PAGE = 50
USED = timedelta(days=30)
Key = tuple[str, str, str]  # provider, model, and for the platform's own the meter


@dataclass(frozen=True)
class Used:
    """Use of a model in the last 30 days."""

    workspaces: int = 0
    nano: int = 0

    @property
    def words(self) -> str:
        if not self.workspaces:
            return "nobody"
        return f"{self.workspaces:,} workspace{'' if self.workspaces == 1 else 's'}, {credits(self.nano):,.2f} credits"


@dataclass(frozen=True)
class Row:
    """A held line in words."""

    pk: int
    model: str
    meter: str
    variant: str
    source: str
    reason: str
    old: str
    new: str
    unit: str
    ratio: str
    margin: str
    loss: bool  # customers pay less than it costs
    remark: str
    used: str


@require_http_methods(["GET", "HEAD", "POST"])
def price_approvals_page(request: HttpRequest) -> HttpResponse:
    """GET shows what waits (`?source=…&show=rises&page=2`); POST decides on the chosen lines or all that are shown."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if request.method == "POST":
        return _decide(request)
    now = clock.now()
    pending = PriceLine.objects.filter(status=PriceLine.Status.PENDING).order_by("provider", "model", "meter", "pk")
    sources = list(pending.order_by("source").values_list("source", flat=True).distinct())
    source, show = request.GET.get("source", ""), request.GET.get("show", "")
    if source in sources:
        pending = pending.filter(source=source)
    found: Any = [one for one in held_lines(pending, now=now) if one.is_rise] if show == "rises" else pending
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    shown = list(page) if show == "rises" else held_lines(page, now=now)
    used = used_since(shown, now - USED)
    chosen = {name: value for name, value in (("source", source), ("show", show)) if value}
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Price approvals",
        "rows": [_row(one, used) for one in shown],
        "page": page,
        "query": urlencode(chosen),
        "here": f"?{urlencode({**chosen, 'page': page.number})}",
        "rises": rises_waiting(now),
        "sources": sources,
        "source": source,
        "show": show,
        "may_decide": request.user.has_perm(MAY_DECIDE),
        "imports": reverse("admin:pricing_priceimport_changelist"),
    }
    return TemplateResponse(request, "admin/price_approvals.html", context)


def used_since(held: Iterable[Held], since: datetime) -> dict[Key, Used]:
    """Who used the models of these lines, and for how many credits."""
    models = {(one.line.provider, one.line.model) for one in held if one.line.model}
    meters = {one.line.meter for one in held if not one.line.model}
    hours = HourUsage.objects.filter(hour__gte=since)
    found: dict[Key, Used] = {}
    if models:
        rows = hours.filter(
            series__provider__in={key[0] for key in models}, series__model__in={key[1] for key in models}
        ).values_list("series__provider", "series__model")
        for provider, model, workspaces, nano in rows.annotate(Count("workspace", distinct=True), Sum("amount")):
            found[provider, model, ""] = Used(workspaces, int(nano))
    if meters:
        by_meter = hours.filter(series__meter__in=meters).values_list("series__meter")
        for meter, workspaces, nano in by_meter.annotate(Count("workspace", distinct=True), Sum("amount")):
            found["", "", meter] = Used(workspaces, int(nano))
    return found


def _decide(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(MAY_DECIDE):
        raise PermissionDenied
    decision, _, which = request.POST.get("decision", "").partition("-")
    named = request.POST.getlist("shown" if which == "all" else "line")
    ids = [int(each) for each in named if each.isdecimal() and len(each) < 19]
    by = cast(User, request.user)
    if not ids:
        messages.warning(request, "Choose at least one price.")
    elif decision == "approve":
        done, problems = prices_approve(line_ids=ids, by=by)
        messages.success(request, approved_in_words(done))
        for problem in problems[:10]:
            messages.warning(request, problem)
    elif decision == "reject":
        done, problems = prices_reject(line_ids=ids, by=by)
        messages.success(request, f"{done:,} prices rejected; what was in force stays.")
        for problem in problems[:10]:
            messages.warning(request, problem)
    back = {name: value for name in ("source", "show") if (value := request.POST.get(name))}
    return redirect(f"{reverse('price-approvals')}?{urlencode(back)}" if back else "price-approvals")


def _row(one: Held, used: Mapping[Key, Used]) -> Row:
    line = one.line
    key: Key = (line.provider, line.model, "") if line.model else ("", "", line.meter)
    margin = one.margin_usd
    loss = margin is not None and margin < 0 and one.decides
    return Row(
        pk=line.pk,
        model=f"{line.provider}/{line.model}" if line.model else "platform",
        meter=line.meter.replace("_", " "),
        variant=variant_words(line.dims),
        source=line.source,
        reason=line.reason,
        old=rate_text(one.old_usd) if one.old_usd is not None else "–",
        new=rate_text(one.new_usd),
        unit=one.shown[1],
        ratio=percent_text(one.percent, signed=True) if one.percent is not None else "–",
        margin=_margin(margin),
        loss=loss,
        remark=_remark(one, loss),
        used=used.get(key, Used()).words,
    )


def _remark(one: Held, loss: bool) -> str:
    if one.paid is None:
        return "nothing has a price for this so far"
    if not one.comparable:
        return f"charged by the {one.paid.unit} now"
    if not one.decides:
        return f"{one.decided_by} decides what is charged, so this changes nothing for customers"
    return "sold below cost while it waits" if loss else ""


def _margin(usd: Decimal | None) -> str:
    if usd is None:
        return "–"
    return f"{MINUS if usd < 0 else '+'}{rate_text(abs(usd))}"
