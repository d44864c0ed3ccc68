"""Holds reserve what their requests are expected to use of allowances."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.book import Book, open_book
from billing.ledger.models import Hold
from billing.ledger.roundtrip import Rows, Statement
from billing.ledger.tests.helpers import release
from billing.ledger.verify import verify
from billing.metering.allowances import _RESERVED_SQL, Allowances, allowance_open, open_at
from billing.metering.models import Allowance, AllowanceHold
from billing.metering.selectors.included import allowances
from billing.metering.tests.conftest import HOUR, TTS, event, fund
from billing.metering.tests.helpers import EACH, METER, reserve

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]
CREDIT = 10**9
DAY = timedelta(days=1)


@pytest.fixture
def characters(workspace: Workspace, noon: datetime, prices: None) -> Allowance:
    """1,000 characters, in a period that ends in an hour, and 100 credits."""
    fund(workspace)
    return period(workspace, noon - 30 * DAY, noon + HOUR, 1000)


def period(workspace: Workspace, starts_at: datetime, ends_at: datetime, included: int) -> Allowance:
    return allowance_open(
        workspace_id=workspace.pk, meter=METER, starts_at=starts_at, ends_at=ends_at, included=Decimal(included)
    )


def speech(event_id: str, count: int, **fields: Any) -> Any:
    return event(event_id, model=TTS, usage={METER: count}, **fields)


def used(allowance: Allowance) -> Decimal:
    allowance.refresh_from_db()
    return allowance.used


def shown(workspace: Workspace) -> tuple[Decimal, Decimal, Decimal]:
    (row,) = allowances(workspace.pk)
    return row.used, row.reserved, row.left


def test_two_holds_share_what_is_included(record: Record, workspace: Workspace, characters: Allowance) -> None:
    (first, a), (second, b) = reserve(workspace, 700), reserve(workspace, 700)
    assert (a, b) == (700, 300)
    assert list(Hold.objects.order_by("pk").values_list("amount", flat=True)) == [0, 400 * EACH]
    assert shown(workspace) == (0, 1000, 0)
    assert reserve(workspace, 10)[1] == 0
    assert record(speech("b", 700, hold=second)).nano == 400 * EACH
    assert record(speech("a", 700, hold=first)).nano == 0
    assert shown(workspace) == (1000, 0, 0)
    assert verify().problems == []


def test_what_is_reserved_is_not_used_by_others(record: Record, workspace: Workspace, characters: Allowance) -> None:
    reserve(workspace, 700)
    told = record(speech("other", 500))
    assert (told.lines[0].from_allowance, told.nano) == (300, 200 * EACH)
    assert shown(workspace) == (300, 700, 0)
    assert verify().problems == []


def test_using_less_frees_the_rest_at_once(record: Record, workspace: Workspace, characters: Allowance) -> None:
    hold, _ = reserve(workspace, 700)
    record(speech("a", 100, hold=hold))
    assert shown(workspace) == (100, 0, 900)
    assert record(speech("b", 900)).nano == 0


def test_using_more_takes_what_else_is_left_and_then_credits(
    record: Record, workspace: Workspace, characters: Allowance
) -> None:
    hold, _ = reserve(workspace, 300)
    reserve(workspace, 500)
    told = record(speech("a", 600, hold=hold))
    assert (told.lines[0].from_allowance, told.nano) == (500, 100 * EACH)
    assert shown(workspace) == (500, 500, 0)


def test_expiry_frees_it_without_any_job(record: Record, workspace: Workspace, characters: Allowance) -> None:
    hold, _ = reserve(workspace, 700)
    until = Hold.objects.get().open_until
    assert until is not None
    with clock.at(until - timedelta(microseconds=1)):
        assert shown(workspace) == (0, 700, 300)
        assert reserve(workspace, 1000)[1] == 300
    with clock.at(until):
        assert shown(workspace) == (0, 300, 700)
        assert record(speech("late", 600, hold=hold)).lines[0].from_allowance == 600
    assert verify().problems == []


def test_release_frees_it(record: Record, workspace: Workspace, characters: Allowance) -> None:
    hold, _ = reserve(workspace, 700)
    release(workspace.pk, hold, now=clock.now())
    assert shown(workspace) == (0, 0, 1000)
    assert record(speech("a", 1000)).nano == 0


def test_each_event_of_a_batch_uses_its_own_reservation(
    batch: Record, workspace: Workspace, characters: Allowance
) -> None:
    (first, _), (second, _) = reserve(workspace, 400), reserve(workspace, 500)
    result = batch(
        [
            speech("plain", 200),  # 100 are not reserved
            speech("first", 300, hold=first),  # frees 100
            speech("next", 200),  # uses those
            speech("second", 500, hold=second),
        ]
    )
    assert result.nano == (100 + 0 + 100 + 0) * EACH
    assert used(characters) == 1000
    assert verify().problems == []


def test_an_event_that_is_rejected_keeps_its_reservation(
    batch: Record, workspace: Workspace, characters: Allowance
) -> None:
    hold, _ = reserve(workspace, 400)
    huge = event("huge", model="", usage={"messages": 10**12}, hold=hold)
    result = batch([huge, speech("plain", 1000)])
    assert [issue.code for issue in result.rejected] == ["amount_out_of_range"]
    assert shown(workspace) == (600, 400, 0)


def test_a_reservation_counts_in_its_own_period(
    record: Record, workspace: Workspace, characters: Allowance, noon: datetime
) -> None:
    following = period(workspace, characters.ends_at, characters.ends_at + 30 * DAY, 1000)
    with clock.at(characters.ends_at - timedelta(minutes=1)):
        hold, _ = reserve(workspace, 700)
    with clock.at(characters.ends_at + timedelta(minutes=1)):
        assert shown(workspace) == (0, 0, 1000)
        reported = speech("before", 800, hold=hold, occurred_at=characters.ends_at - timedelta(seconds=1))
        assert record(reported).nano == 0
        hold, _ = reserve(workspace, 200)
        record(speech("after", 100, hold=hold, occurred_at=characters.ends_at - timedelta(seconds=1)))
    assert (used(characters), used(following)) == (900, 0)


def test_a_reservation_is_spread_over_allowances_that_overlap(
    record: Record, workspace: Workspace, characters: Allowance, noon: datetime
) -> None:
    extra = period(workspace, noon - DAY, noon + DAY, 500)
    hold, reserved = reserve(workspace, 1200)
    assert reserved == 1200
    assert sorted(AllowanceHold.objects.values_list("allowance_id", "quantity")) == [
        (characters.pk, 1000),
        (extra.pk, 200),
    ]
    assert record(speech("other", 400)).lines[0].from_allowance == 300
    assert record(speech("a", 1200, hold=hold)).nano == 0
    assert (used(characters), used(extra)) == (1000, 500)


def test_a_hold_of_something_else_reserves_nothing(workspace: Workspace, characters: Allowance) -> None:
    with open_book(workspace.pk, also=[open_at(workspace.pk, None, now=clock.now())]) as book:
        found = Allowances(book.extra[0], book=book)
        assert found.reservation_writes(1) == []
        with pytest.raises(ValueError, match="more than the allowance has"):
            found.reserve(METER, Decimal(1001), book.now)


def test_reservations_are_looked_up_from_open_holds(workspace: Workspace, characters: Allowance) -> None:
    for _ in range(3):
        reserve(workspace, 10)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + _RESERVED_SQL, [workspace.pk, clock.now()])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "workspace_id = " in plan  # not through all that was ever reserved
    assert "allowance_hold_once" in plan


def test_holds_are_looked_at_only_where_something_is_left(
    workspace: Workspace, characters: Allowance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = Book.ask

    def kept(book: Book, statement: Statement) -> Rows:
        asked.append(statement[0])
        return ask(book, statement)

    monkeypatch.setattr(Book, "ask", kept)
    reserve(workspace, 10)
    assert asked == [_RESERVED_SQL]
    Allowance.objects.update(used=F("included"))
    reserve(workspace, 10)
    assert asked == [_RESERVED_SQL]


def test_the_database_refuses_a_reservation_of_nothing_or_twice(workspace: Workspace, characters: Allowance) -> None:
    reserve(workspace, 10)
    row = AllowanceHold.objects.get()
    with pytest.raises(IntegrityError, match="allowance_hold_of_something"), transaction.atomic():
        AllowanceHold.objects.update(quantity=0)
    with pytest.raises(IntegrityError, match="allowance_hold_once"), transaction.atomic():
        AllowanceHold.objects.create(hold_id=row.hold_id, allowance_id=row.allowance_id, quantity=1)


def test_more_reserved_than_is_left_is_found(workspace: Workspace, characters: Allowance) -> None:
    reserve(workspace, 10)
    AllowanceHold.objects.update(quantity=1001)
    assert {problem.code for problem in verify().problems} == {"allowance_reserved"}
