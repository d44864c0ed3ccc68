"""A month's statement: opening, in, out, closing for each source, and the movements that make them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.ledger.models import Transfer
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust
from billing.ledger.tests.helpers import DAY, NOON, grant, place, release, settle, spend
from billing.ledger.tests.test_corrections import charge, refund, reverse
from billing.ledger.trial.lines import ROWS, line_of
from billing.ledger.trial.movements import movements
from billing.ledger.trial.statement import Cell, Statement, statement
from billing.ledger.trial.sums import sums_catch_up
from billing.ledger.trial.tests.sheet import check, days_of

LATER = NOON + 365 * DAY


def of(ws: int, month: int = 3, *, now: datetime = LATER) -> Statement:
    return statement(ws, days_of(2026, month), now=now)


def listed(ws: int, found: Statement, **only: str) -> list[tuple[str, str, str, int]]:
    return [(each.kind, each.row, each.line, each.amount) for each in movements(ws, found, **only)]


def test_an_empty_month(ws: int) -> None:
    found = of(ws)
    assert (found.totals().closing, found.head, listed(ws, found), found.running) == (0, None, [], False)


def test_each_line_and_row(ws: int) -> None:
    lot = grant(ws, 100, source="bought", now=NOON)
    grant(ws, 20, expires=NOON + 3 * DAY, now=NOON)
    grant(ws, 30, source="plan", starts=NOON + DAY, now=NOON)
    spend(ws, 5, now=NOON)
    settle(ws, place(ws, 30, now=NOON + 2 * DAY), 22, now=NOON + 2 * DAY)
    place(ws, 8, seconds=60, now=NOON + 3 * DAY)
    credits_adjust(workspace_id=ws, key="a", amount=-4, reason="Wrong", actor="sam", now=NOON + 4 * DAY)
    credits_adjust(workspace_id=ws, key="b", amount=9, reason="Right", actor="sam", now=NOON + 4 * DAY)
    refund(ws, lot, 60)
    found = of(ws)
    check(ws, found)
    assert found.cell(None, "granted").net == 50
    assert found.cell("bought", "bought") == Cell(100, 0)
    assert found.cell(None, "used").net == -27
    assert found.cell("promotion", "expired").net + found.cell("promotion", "used").net == -20
    assert (found.cell(None, "corrected").came_in, found.cell(None, "corrected").went_out) == (9, 4)
    assert found.cell("bought", "refunded") == Cell(0, 60)
    now = balance(ws, Transfer.objects.order_by("-seq").values_list("created_at", flat=True)[0])
    assert found.totals().closing == now.available + now.held - now.debt
    assert found.head is not None
    assert (found.head.seq, found.head.digest) == (now.seq, now.head)


def test_debt_has_a_row_of_its_own_and_is_paid_from_another(ws: int) -> None:
    spend(ws, 35, now=NOON)
    march = of(ws)
    assert march.totals("owed").closing == march.totals().closing == -35
    grant(ws, 50, source="plan", now=NOON + 31 * DAY)
    april = of(ws, 4)
    check(ws, april)
    plan, owed = april.totals("plan"), april.totals("owed")
    assert (plan.opening, plan.came_in, plan.went_out, plan.repaid, plan.closing) == (0, 50, 0, -35, 15)
    assert (owed.opening, owed.came_in, owed.went_out, owed.repaid, owed.closing) == (-35, 0, 0, 35, 0)
    assert listed(ws, april, line="repaid") == [
        ("debt.repay", "plan", "repaid", -35),
        ("debt.repay", "owed", "repaid", 35),
    ]


def test_usage_that_is_taken_back_comes_in_again(ws: int) -> None:
    grant(ws, 10, now=NOON)
    used = charge(ws, 25)
    reverse(ws, used, 5, 15)
    found = of(ws)
    check(ws, found)
    assert (found.cell("promotion", "used"), found.cell("promotion", "returned")) == (Cell(0, 10), Cell(5, 0))
    assert (found.cell("owed", "used"), found.cell("owed", "returned")) == (Cell(0, 15), Cell(10, 0))


def test_usage_is_one_row_a_day_and_source(ws: int) -> None:
    grant(ws, 10, source="plan", now=NOON)
    grant(ws, 10, now=NOON)
    for hours in (0, 1, 2, 30):
        spend(ws, 4, now=NOON + timedelta(hours=hours))
    assert listed(ws, of(ws), line="used") == [
        ("usage", "plan", "used", -10),
        ("usage", "promotion", "used", -2),
        ("usage", "promotion", "used", -4),
    ]
    first, *_ = movements(ws, of(ws), line="used")
    assert (first.at, first.until, first.seq) == (NOON.replace(hour=0), NOON.replace(hour=0) + DAY, None)


def test_holds_move_nothing_and_show_at_the_end_of_the_month(ws: int) -> None:
    grant(ws, 10, now=NOON)
    march_end = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
    hold = place(ws, 7, now=march_end)
    release(ws, hold, now=march_end + timedelta(minutes=2))
    march, april = of(ws), of(ws, 4)
    assert (march.totals().held, march.totals("promotion").held, march.totals().closing) == (7, 7, 10)
    assert (april.totals().held, april.totals().closing) == (0, 10)
    assert listed(ws, april) == []


def test_a_scheduled_grant_comes_in_at_its_start(ws: int) -> None:
    grant(ws, 40, source="bought", starts=NOON + 31 * DAY, now=NOON)
    spend(ws, 1, now=NOON + 31 * DAY)
    assert of(ws).totals().closing == 0
    assert listed(ws, of(ws, 4)) == [("lot.start", "bought", "bought", 40), ("usage", "bought", "used", -1)]


@pytest.mark.usefixtures("short_spans")
@pytest.mark.parametrize("sums", [False, True])
def test_months_follow_each_other_and_end_with_the_balance(ws: int, sums: bool) -> None:
    grant(ws, 100, expires=NOON + 70 * DAY, now=NOON)
    lot = grant(ws, 50, source="bought", now=NOON + 20 * DAY)
    for n in range(5):
        spend(ws, 21, now=NOON + n * 20 * DAY)
        settle(ws, place(ws, 3, now=NOON + n * 20 * DAY), 2, now=NOON + n * 20 * DAY)
    refund(ws, lot, 30)
    if sums:
        sums_catch_up()
    now = Transfer.objects.order_by("-seq").values_list("created_at", flat=True)[0]
    closing = dict.fromkeys(ROWS, 0)
    for month in range(2, 9):
        found = of(ws, month)
        check(ws, found)
        assert dict(found.opening) == closing
        closing = {row: found.totals(row).closing for row in ROWS}
    said = balance(ws, now)
    assert sum(closing.values()) == said.available + said.held - said.debt
    assert closing["owed"] == -said.debt


def test_what_is_due_and_not_posted_counts_in_the_running_month(ws: int) -> None:
    spend(ws, 3, now=NOON)
    grant(ws, 40, source="bought", starts=NOON + 2 * DAY, now=NOON)
    grant(ws, 20, starts=NOON + DAY, expires=NOON + 2 * DAY, now=NOON)
    now = NOON + 3 * DAY
    running = of(ws, now=now)
    assert running.running
    check(ws, running)
    said = balance(ws, now)
    assert running.totals().closing == said.available + said.held - said.debt == 40
    assert listed(ws, running, line="expired") == [("lot.expire", "promotion", "expired", -17)]
    assert of(ws, 4, now=now).totals().closing == -3  # nothing is foretold
    before = {row: running.totals(row) for row in ROWS}
    with_posting = spend(ws, 1, now=now)
    assert with_posting.covered == 1
    after = of(ws, now=now)
    assert {row: after.totals(row).closing for row in ROWS} == {
        row: totals.closing - (row == "bought") for row, totals in before.items()
    }


def test_a_hold_whose_time_is_over_holds_nothing(ws: int) -> None:
    grant(ws, 10, now=NOON)
    place(ws, 7, seconds=60, now=NOON)
    assert of(ws, now=NOON).totals().held == 7
    assert of(ws, now=NOON + DAY).totals().held == 0


def test_movements_are_in_the_order_of_time_with_their_reason(ws: int) -> None:
    grant(ws, 30, now=NOON)
    spend(ws, 1, now=NOON + timedelta(hours=1))
    credits_adjust(workspace_id=ws, key="a", amount=-4, reason="Wrong", actor="sam", now=NOON + DAY)
    spend(ws, 2, now=NOON + 2 * DAY)
    found = list(movements(ws, of(ws)))
    assert [each.kind for each in found] == ["grant.operator", "usage", "adjust.operator", "usage"]
    assert (found[0].label, found[2].reason, found[2].seq) == ("Gift", "Wrong", 3)


@pytest.mark.usefixtures("short_spans")
def test_many_movements_are_read_in_chunks(ws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.ledger.trial.movements.CHUNK", 4)
    for n in range(40):
        if n % 8 < 3:
            grant(ws, 10 + n, now=NOON + n * timedelta(hours=9))
        else:
            spend(ws, n, now=NOON + n * timedelta(hours=9))
    before = list(movements(ws, of(ws)))
    sums_catch_up()
    assert list(movements(ws, of(ws))) == before
    check(ws, of(ws))
    with CaptureQueriesContext(connection) as queries:
        next(movements(ws, of(ws), line="granted"))
    assert len(queries) < 12


def test_later_movements_do_not_change_a_list_that_was_begun(ws: int) -> None:
    grant(ws, 30, now=NOON)
    found = of(ws)
    grant(ws, 5, now=NOON)
    assert [each.amount for each in movements(ws, found)] == [30]


def test_every_kind_has_a_line() -> None:
    assert line_of("grant.plan", "plan") == "granted"
    assert line_of("lot.start", "bought") == "bought"
    assert line_of("refund.reverse", "bought") == "refunded"
    assert line_of("debt.reopen", "plan") == "repaid"
    assert line_of("something.new", "plan") == "corrected"
