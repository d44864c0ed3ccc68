"""Each lot tells where it came from and where it went, to the last nano-credit, however much it paid for."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.book import open_book
from billing.ledger.correction_services import lot_refund
from billing.ledger.models import Lot, LotTake, Transfer
from billing.ledger.services import credits_adjust, credits_grant, wallet_settle
from billing.overview import lotpage
from billing.overview.lotpage import lot_days, lot_entries, lot_page
from billing.overview.tests.holding import draft, place, settle
from billing.plans.services import workspace_open


@pytest.fixture
def bought(prices: None, alice: User) -> tuple[Workspace, Lot]:
    workspace = workspace_open(name="Buyer", owner=alice)
    result = credits_grant(
        workspace_id=workspace.pk,
        key="pack",
        amount=1_000 * NANO,
        label="Top-up",
        source="bought",
        kind="grant.pack",
        unit_price_usd=Decimal("0.0045"),
        reason="Order 12",
    )
    return workspace, Lot.objects.get(pk=result.lot_id)


def spend(workspace: Workspace, amount: int, *, times: int = 1) -> None:
    for _ in range(times):
        with open_book(workspace.pk) as book:
            book.spend(operation=draft("usage.spend"), amount=amount, occurred_at=book.now)


def text(client: Client, workspace: Workspace, path: str, status: int = 200) -> str:
    response = client.get(f"/w/{workspace.public_id}/{path}")
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def moved(lot: Lot) -> int:
    """What all pages of its history add up to."""
    total, before = 0, None
    while True:
        found = lot_days(lot.pk, before=before)
        total += sum(day.delta for day in found.days)
        assert all(day.delta == sum(line.delta for line in day.lines.values()) for day in found.days)
        if not found.cursor:
            return total
        before = int(found.cursor)


def test_a_new_lot_says_where_it_came_from(bought: tuple[Workspace, Lot], alice_client: Client) -> None:
    workspace, lot = bought
    page = text(alice_client, workspace, f"credits/lots/{lot.pk}")
    for said in ("Top-up", "Credits bought, entry", "Order 12", "Nothing was taken yet", "Never", "$4.50 in all"):
        assert said in page
    assert "1,000 <span" in page  # unused, refundable
    assert f"credits/lots/{lot.pk}" in text(alice_client, workspace, f"activity/{lot.seq}")  # and back


def test_every_way_out_and_back_is_summed_by_day(bought: tuple[Workspace, Lot], alice_client: Client) -> None:
    workspace, lot = bought
    spend(workspace, 2 * NANO, times=3)
    settle(workspace, place(workspace, 50 * NANO), 20 * NANO)
    lot_refund(workspace_id=workspace.pk, lot_id=lot.pk, amount=100 * NANO, key="r", reason="Asked", actor="root")
    with clock.at(clock.now() + timedelta(days=1)):
        credits_adjust(workspace_id=workspace.pk, key="less", amount=-NANO, reason="Twice", actor="root")
        open_hold = place(workspace, 30 * NANO)
        (later, today) = lot_days(lot.pk).days
    assert (later.delta, later.count) == (-NANO, 1)  # what a hold pins stays in the lot
    assert {line.title: (line.delta, line.count) for line in today.lines.values()} == {
        "Usage": (-26 * NANO, 4),
        "Refund": (-100 * NANO, 1),
    }
    lot.refresh_from_db()
    assert moved(lot) == lot.remaining - lot.amount == -127 * NANO
    found = lot_page(workspace, lot.pk)
    assert found is not None
    assert (found.row.held, found.refundable.taken_back, found.unused) == (30 * NANO, 100 * NANO, 843 * NANO)
    assert [(line.row.id, pinned) for line, pinned in found.holds] == [(open_hold, 30 * NANO)]
    page = text(alice_client, workspace, f"credits/lots/{lot.pk}")
    assert f"credits/holds/hold_{open_hold}" in page
    assert "Refunded or taken back" in page
    assert page.count("In all") == 1


def test_what_expired_is_in_its_history(prices: None, alice: User) -> None:
    workspace = workspace_open(name="Expiring", owner=alice)
    end = clock.now() + timedelta(days=1)
    result = credits_grant(workspace_id=workspace.pk, key="s", amount=5 * NANO, label="Short", expires_at=end)
    wallet_settle(workspace_id=workspace.pk, now=end)
    assert result.lot_id is not None
    (day,) = lot_days(result.lot_id).days
    assert [(line.title, line.delta) for line in day.lines.values()] == [("Credits expired", -5 * NANO)]


def test_a_long_history_comes_in_pages_that_leave_nothing_out(
    bought: tuple[Workspace, Lot], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, lot = bought
    spend(workspace, NANO, times=10)
    settle(workspace, place(workspace, 7 * NANO), 3 * NANO)
    monkeypatch.setattr(lotpage, "TAKES", 4)
    monkeypatch.setattr(lotpage, "ENTRIES", 3)
    lot.refresh_from_db()
    assert moved(lot) == lot.remaining - lot.amount
    assert lot_days(lot.pk).totals == ()  # one page does not show all of it
    takes = LotTake.objects.filter(lot=lot).order_by("pk").values_list("pk", flat=True)
    first, last, seen = takes[0], takes[len(takes) - 1], []
    while True:
        rows, cursor = lot_entries(lot.pk, first=first, last=last)
        seen += rows
        if not cursor:
            break
        last = int(cursor)
    assert sum(taken.delta for taken in seen) == lot.remaining - lot.amount
    assert [taken.id for taken in seen] == sorted({taken.id for taken in seen}, reverse=True)


def test_a_day_opens_to_its_entries(bought: tuple[Workspace, Lot], alice_client: Client) -> None:
    workspace, lot = bought
    spend(workspace, NANO, times=3)
    (day,) = lot_days(lot.pk).days
    page = text(alice_client, workspace, f"credits/lots/{lot.pk}/entries?first={day.first}&last={day.last}")
    for transfer in Transfer.objects.filter(kind="usage.spend"):
        assert f"activity/{transfer.seq}" in page


def test_the_number_of_questions_does_not_grow_with_the_history(
    bought: tuple[Workspace, Lot], alice_client: Client
) -> None:
    workspace, lot = bought
    counts = []
    for _ in range(2):
        spend(workspace, NANO // 10, times=20)
        text(alice_client, workspace, f"credits/lots/{lot.pk}")
        with CaptureQueriesContext(connection) as context:
            text(alice_client, workspace, f"credits/lots/{lot.pk}")
        counts.append(len(context))
    assert counts[0] == counts[1] < 27


def test_scheduled_and_preferred_lots_say_so(prices: None, alice: User, alice_client: Client) -> None:
    workspace = workspace_open(name="Later", owner=alice)
    starts = clock.now() + timedelta(days=3)
    result = credits_grant(
        workspace_id=workspace.pk, key="l", amount=NANO, label="Later", effective_at=starts, priority=-1
    )
    page = text(alice_client, workspace, f"credits/lots/{result.lot_id}")
    assert "Usable from" in page
    assert "spent before all others" in page


@pytest.mark.parametrize(
    "path",
    ["999999", "99999999999999999999999", "{lot}?cursor=x", "{lot}/entries", "{lot}/entries?first=1&last=-1"],
)
def test_made_up_addresses_are_not_found(bought: tuple[Workspace, Lot], alice_client: Client, path: str) -> None:
    workspace, lot = bought
    text(alice_client, workspace, "credits/lots/" + path.format(lot=lot.pk), status=404)


def test_a_lot_of_another_workspace_does_not_exist(
    bought: tuple[Workspace, Lot], northwind: Workspace, alice_client: Client
) -> None:
    _, lot = bought
    text(alice_client, northwind, f"credits/lots/{lot.pk}", status=404)
    text(alice_client, northwind, f"credits/lots/{lot.pk}/entries?first=1&last=2", status=404)
