"""Answers of the statement endpoint."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from accounts.models import Workspace
from billing.api import csvtext
from billing.api.operations import answer
from billing.api.present import amount
from billing.api.problems import invalid
from billing.api.schemas.statement import StatementQuery
from billing.credits import clock
from billing.credits.units import credits
from billing.ledger.trial.lines import LINES, ROWS
from billing.ledger.trial.month import month_of
from billing.ledger.trial.movements import movements
from billing.ledger.trial.statement import Cell, Statement, Totals
from billing.ledger.trial.statement import statement as statement_of
from billing.metering.selectors import days

COLUMNS = ("at", "until", "seq", "source", "line", "kind", "label", "reason", "credits")


def statement(request: HttpRequest, workspace: Workspace, query: StatementQuery) -> HttpResponseBase:
    """The statement of the month that was asked for, or its movements as CSV."""
    now, zone = clock.now(), days.zone(workspace.time_zone)
    present = days.month_of(days.local_day(now, zone))
    month = present if query.month is None else month_of(query.month)
    if month is None:
        raise invalid("A month is written like 2027-01.", parameter="month")
    if month > present:
        raise invalid("This month has not begun.", parameter="month")
    edges = [days.starts(day, zone) for day in days.days(month, days.next_month(month))]
    found = statement_of(workspace.pk, edges, now=now)
    if csvtext.wanted(request):
        return csvtext.respond(f"statement-{month:%Y-%m}", COLUMNS, _movements(workspace.pk, found))
    return answer(
        {
            "month": f"{month:%Y-%m}",
            "time_zone": workspace.time_zone,
            "from": found.since,
            "to": found.until,
            "running": found.running,
            "as_of": found.as_of,
            **_sums(found.totals()),
            "sources": [{"source": row, **_sums(found.totals(row))} for row in ROWS],
            "lines": [
                {"source": row, "line": line, **amount("in", cell.came_in), **amount("out", cell.went_out)}
                for line in LINES
                for row in ROWS
                if (cell := found.cell(row, line)) != Cell()
            ],
            "chain_head": {"seq": found.head.seq, "digest": found.head.digest.hex()} if found.head else None,
        }
    )


def _sums(totals: Totals) -> dict[str, Any]:
    return {
        **amount("opening", totals.opening),
        **amount("in", totals.came_in),
        **amount("out", totals.went_out),
        **amount("repaid", totals.repaid),
        **amount("closing", totals.closing),
        **amount("held", totals.held),
    }


def _movements(workspace_id: int, of: Statement) -> Iterator[list[Any]]:
    for each in movements(workspace_id, of):
        label = each.label + (f" and {each.more_labels} more" if each.more_labels else "")
        yield [each.at, each.until, each.seq, each.row, each.line, each.kind, label, each.reason, credits(each.amount)]
