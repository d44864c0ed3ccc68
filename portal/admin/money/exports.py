"""Files for accounting: the page that offers them, and the files. Each is in the audit log."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from accounts.models import User
from billing.api import csvtext
from billing.credits import clock
from billing.credits.units import credits
from billing.foundation.audit.services import record
from billing.ledger.trial.flows import snapshot
from billing.ledger.trial.month import next_month
from billing.ledger.worth.figures import Worth, usd, value, worth_of
from billing.ledger.worth.flows import account_days, priced_flows, unspent
from portal.admin.money import documents
from portal.admin.money.page import MAY_EXPORT
from portal.admin.money.periods import NoSuchPeriod, months_of, period_of

Rows = Iterable[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Export:
    """A file: its columns, and the rows from one day to before another."""

    title: str
    about: str
    columns: tuple[str, ...]
    rows: Callable[[date, date], Rows]
    by_month: bool = False


def ledger_days(since: date, until: date) -> Iterator[Sequence[Any]]:
    """By day and account. Debits and credits of a day are the same sum."""
    for row in account_days(since, until):
        yield row.day.isoformat(), row.account, credits(row.debit), credits(row.credit), credits(row.credit - row.debit)


def roll_forward(since: date, until: date) -> Iterator[Sequence[Any]]:
    """Deferred revenue by month, exact: each row adds up, and begins where the one before it ended. The last edge is
    told from what is there now, by the lots.
    """
    edges = [since]
    while edges[-1] < until:
        edges.append(next_month(edges[-1]))
    with snapshot():
        flows = priced_flows(edges)
        closing = sum(value(row.amount, row.unit_price_usd) for row in unspent())
    months: list[tuple[date, Worth, int]] = []
    for bucket, month in reversed(list(enumerate(edges))):
        worth = worth_of(flow for flow in flows if flow.bucket == bucket)
        months.append((month, worth, closing))
        closing -= worth.change
    for month, worth, end in reversed(months[1:]):  # the first of them is what came after
        moved = (worth.sold, -worth.recognised, -worth.expired, -worth.refunded, -worth.adjusted)
        yield f"{month:%Y-%m}", *map(usd, (end - worth.change, *moved, end))


EXPORTS: Mapping[str, Export] = {
    "ledger": Export(
        "Ledger by day and account",
        "What went out of each account (debit) and into it (credit), in credits.",
        ("day", "account", "debit_credits", "credit_credits", "net_credits"),
        ledger_days,
    ),
    "deferred": Export(
        "Deferred revenue, month by month",
        "Unspent credits that were paid for, in US dollars: each month adds up, and opens as the one before it closed.",
        ("month", "opening", "sold", "recognised", "expired", "refunded", "corrected", "closing"),
        roll_forward,
        by_month=True,
    ),
    "invoices": Export(
        "Invoices and credit notes",
        "By day of issue, with net, tax and gross. Amounts of credit notes are negative.",
        documents.COLUMNS,
        documents.rows,
    ),
    "tax": Export(
        "Tax by country and rate",
        "Of what was issued, less credit notes. An invoice that was voided without one is left out.",
        documents.TAX_COLUMNS,
        documents.tax_rows,
    ),
}


@require_http_methods(["GET", "HEAD", "POST"])
def exports_page(request: HttpRequest) -> HttpResponseBase:
    """GET offers the files; a POST with `what`, `from` and `to` answers with one."""
    if not request.user.has_perm(MAY_EXPORT):
        raise PermissionDenied
    if request.method != "POST":
        return _page(request)
    what = request.POST.get("what", "")
    if what not in EXPORTS:
        raise Http404("no such export")
    try:
        since, until = _days(EXPORTS[what], request.POST)
    except NoSuchPeriod as error:
        return _page(request, refused=str(error), status=400)
    name = f"{what}-{since:%Y-%m-%d}-{until:%Y-%m-%d}"
    record(
        action="export.made",
        actor=cast(User, request.user),
        target=EXPORTS[what].title,
        after={"from": since, "until": until},
        request=request,
    )
    return csvtext.respond(name, EXPORTS[what].columns, EXPORTS[what].rows(since, until))


def _days(export: Export, asked: Mapping[str, str]) -> tuple[date, date]:
    today = clock.now().date()
    if export.by_month:
        return months_of(asked, today)
    period = period_of(asked, today)
    return period.since, period.until


def _page(request: HttpRequest, *, refused: str = "", status: int = 200) -> HttpResponse:
    today = clock.now().date()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Exports for accounting",
        "exports": EXPORTS.items(),
        "refused": refused,
        "first": today.replace(day=1),
        "january": today.replace(month=1, day=1),
        "today": today,
    }
    return TemplateResponse(request, "admin/money_exports.html", context, status=status)
