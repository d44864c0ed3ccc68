"""What was sold, used, earned and paid upstream: the page for staff. `?by=` shows one list whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.models import Workspace
from billing.credits import clock
from billing.invoices.money import money_text
from portal.admin.money.periods import NAMES, NoSuchPeriod, Period, period_of
from portal.admin.money.report import Report, report
from portal.admin.money.shares import ranked
from portal.admin.money.words import amount, dollars, margin_percent

PERMISSION = "ledger.view_transfer"
MAY_EXPORT = "invoices.add_document"  # who keeps the books
TOP, PAGE = 10, 50
LISTS = {"provider": "Providers", "model": "Models", "workspace": "Workspaces"}
ORDERS = {"revenue": "Revenue", "upstream": "Upstream cost", "margin": "Margin", "loss": "Lowest margin"}


@dataclass(frozen=True, slots=True)
class Figure:
    title: str
    value: str
    remark: str
    href: str = ""
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    href: str
    revenue: str
    upstream: str
    margin: str
    percent: str
    loss: bool


@require_safe
def money_page(request: HttpRequest) -> HttpResponse:
    """`?period=month` or `?from=2027-01-01&to=2027-01-31` chooses the days, `&by=` a list, `&order=` its order."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    today, refused = clock.now().date(), ""
    try:
        period = period_of(request.GET, today)
    except NoSuchPeriod as error:
        period, refused = period_of({}, today), str(error)
    by, order = request.GET.get("by", ""), request.GET.get("order", "revenue")
    if (by and by not in LISTS) or order not in ORDERS:
        raise Http404("no such list")
    found = report(period)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Money",
        "period": period,
        "refused": refused,
        "periods": NAMES.items(),
        "figures": _figures(found),
        "credits": _credits(found),
        "roll": _roll_forward(found),
        "of_no_model": dollars(found.of_no_model) if found.of_no_model else "",
        "orders": [(key, title, _query(period, by, key) + _of_provider(request)) for key, title in ORDERS.items()],
        "order": order,
        "by": by,
        "whole": LISTS.get(by, ""),
        "back": "?" + period.query,
        "may_export": request.user.has_perm(MAY_EXPORT),
    }
    if by:
        rows = _ranked(found, by, order, request.GET.get("provider"))
        page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
        more = f"{_query(period, by, order)}{_of_provider(request)}"
        context |= {"page": page, "rows": _rows(by, list(page.object_list), period), "more": more}
    else:
        context["lists"] = [
            (title, _rows(key, rows[:TOP], period), len(rows), _query(period, key, order))
            for key, title in LISTS.items()
            for rows in [_ranked(found, key, order)]
        ]
    return TemplateResponse(request, "admin/money.html", context)


def _query(period: Period, by: str, order: str) -> str:
    chosen = {"by": by, "order": order}
    return f"?{period.query}&{urlencode({key: value for key, value in chosen.items() if value})}"


def _of_provider(request: HttpRequest) -> str:
    """What narrows the list of models goes along to its other pages and orders."""
    provider = request.GET.get("provider")
    return "" if provider is None else f"&{urlencode({'provider': provider})}"


def _figures(found: Report) -> list[Figure]:
    margin = found.revenue - found.upstream
    days = f"paid_at_from={found.period.since}&paid_at_to={found.period.last}"
    paid = f"{reverse('admin:invoices_document_changelist')}?{days}"
    return [
        Figure("Revenue", dollars(found.revenue), "recognised: used credits at the price paid for them"),
        Figure("Upstream cost", dollars(found.upstream), "of everything used, included usage as well"),
        Figure(
            "Margin", dollars(margin), f"{margin_percent(found.revenue, found.upstream)} of revenue", alarm=margin < 0
        ),
        Figure("Cash in", _cash(found, "net"), _cash_parts(found), paid),
        Figure("Deferred revenue", dollars(found.deferred), "unspent credits that were paid for, at the end"),
        Figure("Breakage", dollars(found.worth.expired), "expired credits that were paid for"),
    ]


def _cash(found: Report, part: str) -> str:
    return ", ".join(money_text(getattr(each, part), each.currency) for each in found.cash) or "$0.00"


def _cash_parts(found: Report) -> str:
    """What it is the difference of."""
    documents = sum(each.documents for each in found.cash)
    invoices = f"{documents:,} paid invoice{'' if documents == 1 else 's'}"
    if not any(each.refunded for each in found.cash):
        return f"{invoices}, nothing refunded"
    return f"{_cash(found, 'paid')} on {invoices}, less {_cash(found, 'refunded')} refunded"


def _credits(found: Report) -> list[tuple[str, str]]:
    of = found.credits
    return [
        ("Sold", amount(of.sold)),
        ("Granted by plans", amount(of.granted_plan)),
        ("Granted as promotion", amount(of.granted_promotion)),
        ("Spent", amount(of.spent)),
        ("Expired", amount(of.expired)),
        ("Refunded", amount(of.refunded)),
        ("Taken away by corrections", amount(of.adjusted)),
    ]


def _roll_forward(found: Report) -> list[tuple[str, str, bool]]:
    of = found.worth
    return [
        ("At the beginning", dollars(found.opening), True),
        ("Sold and granted for payment", dollars(of.sold), False),
        ("Recognised as revenue", dollars(-of.recognised), False),
        ("Expired (breakage)", dollars(-of.expired), False),
        ("Refunded", dollars(-of.refunded), False),
        ("Corrected", dollars(-of.adjusted), False),
        ("At the end", dollars(found.deferred), True),
    ]


def _ranked(found: Report, by: str, order: str, provider: str | None = None) -> Sequence[tuple[Any, int, int]]:
    lists: dict[str, Mapping[Any, tuple[int, int]]] = {
        "provider": found.providers,
        "model": found.models,
        "workspace": found.workspaces,
    }
    chosen = (
        (key, revenue, cost)
        for key, (revenue, cost) in lists[by].items()
        if by != "model" or provider is None or key[0] == provider
    )
    return ranked(list(chosen), order)


def _rows(by: str, rows: Sequence[tuple[Any, int, int]], period: Period) -> list[Row]:
    named = {
        "provider": lambda keys: {key: _provider(key, period) for key in keys},
        "model": lambda keys: {key: _model(key) for key in keys},
        "workspace": _workspaces,
    }[by]([key for key, _, _ in rows])
    return [
        Row(
            *named[key],
            revenue=dollars(revenue),
            upstream=dollars(cost),
            margin=dollars(revenue - cost),
            percent=margin_percent(revenue, cost),
            loss=revenue < cost,
        )
        for key, revenue, cost in rows
    ]


def _provider(provider: str, period: Period) -> tuple[str, str]:
    return provider or "No provider", f"{_query(period, 'model', 'revenue')}&{urlencode({'provider': provider})}"


def _model(key: tuple[str, str]) -> tuple[str, str]:
    provider, model = key
    if not model:
        return "Platform meters", reverse("admin:pricing_meter_changelist")
    return f"{provider}/{model}", f"{reverse('admin:pricing_catalogmodel_changelist')}?{urlencode({'q': model})}"


def _workspaces(pks: Sequence[int]) -> dict[int, tuple[str, str]]:
    names = dict(Workspace.objects.filter(pk__in=pks).values_list("pk", "name"))
    return {pk: (names.get(pk, f"#{pk}"), reverse("admin:accounts_workspace_change", args=[pk])) for pk in pks}
