"""Day sums: every transfer once, the same as the history, found when they are not."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from billing.foundation.due.registry import run_due
from billing.ledger.correction_services import lot_refund
from billing.ledger.extension_services import lot_extend
from billing.ledger.models import LotTake, Transfer
from billing.ledger.services import credits_grant
from billing.ledger.tests.helpers import DAY, NOON, assert_clean, grant, place, settle, spend
from billing.ledger.verify import verify
from billing.ledger.worth.figures import credits_of, usd, value, worth_of
from billing.ledger.worth.flows import FOREVER, account_days, priced_flows, unspent, used
from billing.ledger.worth.models import DaySum, MonthSum, SummedUntil
from billing.ledger.worth.sums import days_catch_up, days_sum

pytestmark = pytest.mark.usefixtures("short_portions")
FIRST = NOON.date() - DAY
EDGES = [FIRST + n * DAY for n in range(14)]


def paid(ws: int, amount: int, price: str, *, source: str = "bought", days: int = 0, expires: int | None = None) -> int:
    result = credits_grant(
        workspace_id=ws,
        key=f"paid{amount}{price}{days}",
        amount=amount,
        label="Pack",
        source=source,
        unit_price_usd=Decimal(price),
        expires_at=None if expires is None else NOON + expires * DAY,
        now=NOON + days * DAY,
    )
    assert result.lot_id is not None
    return result.lot_id


@pytest.fixture
def busy(ws: int) -> int:
    """Ten days with gifts, paid credits of two prices, holds, expiry and debt."""
    grant(ws, 10, now=NOON)
    paid(ws, 40, "0.004", expires=8)
    for day in range(7):
        spend(ws, 5, now=NOON + day * DAY)
    settle(ws, place(ws, 4, now=NOON + 7 * DAY), 3, now=NOON + 7 * DAY)
    spend(ws, 16, now=NOON + 9 * DAY)
    paid(ws, 50, "0.005", source="plan", days=10)
    return ws


def test_sums_make_no_difference(busy: int) -> None:
    without = priced_flows(EDGES), used(FIRST, FOREVER), list(account_days(FIRST, FOREVER))
    assert days_sum(limit=5) == 5  # there is more
    days_catch_up()
    assert SummedUntil.objects.get().seq == Transfer.objects.count()
    assert days_sum(limit=5) == 0
    assert (priced_flows(EDGES), used(FIRST, FOREVER), list(account_days(FIRST, FOREVER))) == without
    spend(busy, 2, now=NOON + 11 * DAY)
    half = priced_flows(EDGES)
    (run,) = run_due(only="sum_days")
    assert (run.items, run.error) == (1, "")
    assert priced_flows(EDGES) == half
    assert_clean(busy)


def test_a_day_ends_at_midnight_utc(ws: int) -> None:
    grant(ws, 10, now=NOON)
    spend(ws, 1, now=NOON + timedelta(hours=11, minutes=59))
    spend(ws, 2, now=NOON + timedelta(hours=12))
    days_catch_up()
    spent = DaySum.objects.filter(kind="usage.spend").order_by("day").values_list("day", "amount")
    assert list(spent) == [(NOON.date(), 1), (NOON.date() + DAY, 2)]


def test_whole_months_are_read_as_such_and_others_by_their_days(ws: int) -> None:
    """Whatever the edges, the flows between them are those of the transfers."""
    paid(ws, 900, "0.004")
    for day in range(90):
        spend(ws, 1 + day % 7, now=NOON + day * DAY)
    march, april, june = date(2026, 3, 1), date(2026, 4, 1), date(2026, 6, 1)
    choices = [[march], [march, april, june], [march, date(2026, 4, 7)], [date(2026, 3, 3), date(2026, 3, 9), june]]
    without = [priced_flows(edges) for edges in choices]
    between = [
        (march, june),
        (march, april),
        (date(2026, 3, 3), date(2026, 5, 9)),
        (date(2026, 4, 2), date(2026, 4, 3)),
    ]
    spent = [used(*days) for days in between]
    days_catch_up()
    assert MonthSum.objects.filter(kind="usage.spend").count() == 3
    assert [priced_flows(edges) for edges in choices] == without
    assert [used(*days) for days in between] == spent
    assert sum(row.amount for row in spent[0]) == sum(1 + day % 7 for day in range(90))


def test_who_sums_is_alone(busy: int) -> None:
    days_sum(limit=5)
    before = SummedUntil.objects.get().seq
    with transaction.atomic():
        SummedUntil.objects.filter(pk=busy).update(seq=before + 3)
        transaction.set_rollback(True)
    days_catch_up()
    assert_clean(busy)


def test_a_sum_that_is_not_its_history_is_found(busy: int) -> None:
    days_catch_up()
    row = DaySum.objects.filter(kind="usage.spend").order_by("day")[0]
    DaySum.objects.filter(pk=row.pk).update(amount=row.amount + 1)
    (problem,) = verify().problems
    assert problem.code == "day_sum"
    assert f"usage.spend on {row.day} is kept as {row.amount + 1}" in problem.detail
    DaySum.objects.filter(pk=row.pk).update(amount=row.amount)
    of_month = MonthSum.objects.filter(kind="usage.spend").order_by("day", "source")[0]
    MonthSum.objects.filter(pk=of_month.pk).update(amount=of_month.amount + 1)
    (problem,) = verify().problems
    assert "usage.spend in the month of 2026-03-01 is kept as" in problem.detail
    for model in (DaySum, MonthSum, SummedUntil):
        model._default_manager.all().delete()
    assert_clean(busy)
    days_catch_up()
    assert_clean(busy)


def test_credits_are_worth_what_was_paid_for_the_lots_that_paid(busy: int) -> None:
    flows = priced_flows([FIRST])
    worth, moved = worth_of(flows), credits_of(flows)
    # Of the pack 35 were used, 3 more of a hold, and 2 expired; then 10 of the gift, and 6 on debt that the plan paid.
    assert (moved.sold, moved.granted_plan, moved.granted_promotion) == (40, 50, 10)
    assert (moved.spent, moved.expired) == (35 + 3 + 16, 2)
    pack, plan = Decimal("0.004"), Decimal("0.005")
    assert worth.sold == value(40, pack) + value(50, plan)
    assert worth.recognised == value(38, pack) + value(6, plan)
    assert worth.expired == value(2, pack)
    assert worth.change == value(44, plan)
    assert usd(worth.change) == Decimal("0.22e-9")
    assert [(row.unit_price_usd, row.amount) for row in unspent()] == [(plan, 44)]
    assert sum(value(row.amount, row.unit_price_usd) for row in used(FIRST, FOREVER)) == worth.recognised


def test_every_account_of_a_day(ws: int) -> None:
    grant(ws, 10, now=NOON)
    spend(ws, 4, now=NOON)
    assert list(account_days(NOON.date(), NOON.date() + DAY)) == [
        (NOON.date(), "available", 4, 10),
        (NOON.date(), "issued", 10, 0),
        (NOON.date(), "spent", 0, 4),
    ]
    assert list(account_days(date(2026, 2, 1), NOON.date())) == []


def test_the_price_is_that_of_each_part(ws: int) -> None:
    paid(ws, 10, "0.004")
    paid(ws, 10, "0.006", days=1)
    spend(ws, 15, now=NOON + 2 * DAY)
    days_catch_up()
    assert LotTake.objects.count() == 2
    assert sorted((row.unit_price_usd, row.amount) for row in used(FIRST, FOREVER)) == [
        (Decimal("0.004"), 10),
        (Decimal("0.006"), 5),
    ]


def test_a_lot_that_is_extended_is_sold_once_and_stays_what_is_owed(ws: int) -> None:
    lot = paid(ws, 40, "0.004", expires=8)
    spend(ws, 5, now=NOON)
    gone_on = lot_extend(
        workspace_id=ws, lot_id=lot, until=NOON + 30 * DAY, key="x", reason="away", actor="f", now=NOON + DAY
    )
    spend(ws, 2, now=NOON + 9 * DAY)  # after the end of the first one
    lot_refund(workspace_id=ws, lot_id=gone_on.lot_id, amount=10, key="r", reason="r", actor="f", now=NOON + 10 * DAY)
    days_catch_up()
    flows = priced_flows([FIRST])
    credits, worth = credits_of(flows), worth_of(flows)
    assert (credits.sold, credits.spent, credits.refunded, credits.expired) == (40, 7, 10, 0)
    price = Decimal("0.004")
    assert (worth.sold, worth.recognised, worth.refunded) == (value(40, price), value(7, price), value(10, price))
    assert worth.change == value(23, price) == sum(value(row.amount, row.unit_price_usd) for row in unspent())
    assert_clean(ws)
