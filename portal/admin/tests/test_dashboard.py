"""Each number of the first page opens the list behind it, for those who may open that."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.book import open_book
from billing.ledger.correction_services import operation_reverse
from billing.ledger.models import Lot
from billing.ledger.records import OperationDraft
from billing.ledger.services import credits_grant
from billing.packs.autotopup.models import AutoTopUp
from portal.admin.tiles import Tile
from portal.testing.fixtures import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return client_of(User.objects.get(pk=alice.pk))


@pytest.fixture
def debtor(workspace: Workspace) -> Workspace:
    """Bought 100 credits for $0.40 and used 130; a second workspace has a gift and owes nothing."""
    credits_grant(
        workspace_id=workspace.pk,
        key="a",
        amount=100 * NANO,
        source="bought",
        label="Pack of the debtor",
        unit_price_usd=Decimal("0.004"),
    )
    with open_book(workspace.pk) as book:
        draft = OperationDraft("usage", "u", bytes(32), "usage.spend")
        book.spend(operation=draft, amount=130 * NANO, occurred_at=book.now)
    other = Workspace.objects.create(name="Solvent Sails")
    credits_grant(workspace_id=other.pk, key="a", amount=7 * NANO, label="A gift")
    paid = {"key": "b", "amount": 50 * NANO, "source": "bought", "label": "Pack of the solvent"}
    credits_grant(workspace_id=other.pk, unit_price_usd=Decimal("0.01"), **paid)
    return workspace


def tiles_of(client: Client) -> dict[str, Tile]:
    return {tile.title: tile for _, tiles in client.get("/admin/").context["groups"] for tile in tiles}


def listed(client: Client, tile: Tile) -> str:
    response = client.get(tile.href)
    assert response.status_code == 200, tile
    return response.content.decode()


def test_every_number_opens_its_list(staff: Client, debtor: Workspace) -> None:
    tiles = tiles_of(staff)
    assert (tiles["Sold today"].value, tiles["Granted today"].value) == ("150", "7")
    assert (tiles["Spent today"].value, tiles["Expired today"].value) == ("130", "0")
    assert (tiles["Revenue today"].value, tiles["Margin today"].value) == ("$0.40", "$0.40")
    assert (tiles["Deferred revenue"].value, tiles["Breakage this month"].value) == ("$0.50", "$0.00")
    assert (tiles["Debt"].value, tiles["Debt"].alarm) == ("30.00", True)
    for tile in tiles.values():
        listed(staff, tile)
    debt = listed(staff, tiles["Debt"])
    assert debtor.name in debt
    assert "Solvent Sails" not in debt
    unspent = listed(staff, tiles["Deferred revenue"])
    assert "Pack of the solvent" in unspent
    assert "Pack of the debtor" not in unspent
    assert "A gift" not in unspent


def test_a_day_that_is_over_counts_in_the_month_alone(staff: Client, debtor: Workspace) -> None:
    with clock.at(clock.now().replace(day=1) + timedelta(days=40)):
        tiles = tiles_of(staff)
    assert (tiles["Sold today"].value, tiles["Sold today"].remark) == ("0", "0 this month")
    assert tiles["Deferred revenue"].value == "$0.50"


def test_top_ups_that_fail_are_counted_and_listed(staff: Client, workspace: Workspace) -> None:
    others = [Workspace.objects.create(name=name) for name in ("Paused Paper", "Fine Fabrics", "Switched Off")]
    terms = {"threshold": NANO, "amount": 500, "day_cap": 10_000, "month_cap": 50_000}
    AutoTopUp.objects.create(workspace=others[0], paused_at=clock.now(), **terms)
    AutoTopUp.objects.create(workspace=others[1], **terms)
    AutoTopUp.objects.create(workspace=others[2], off_because="The card was declined three times.", **terms)
    tile = tiles_of(staff)["Failing top-ups"]
    assert (tile.value, tile.alarm) == ("2", True)
    found = listed(staff, tile)
    assert "Paused Paper" in found
    assert "Switched Off" in found
    assert "Fine Fabrics" not in found


def test_who_may_open_one_list_sees_its_number_alone(bob: User, workspace: Workspace) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    bob.user_permissions.add(Permission.objects.get(content_type__app_label="ledger", codename="view_wallet"))
    client = client_of(User.objects.get(pk=bob.pk))
    assert set(tiles_of(client)) == {"Outstanding", "Debt"}


def total_of(client: Client, tile: Tile, account: str) -> int:
    """What the list behind a number adds up to, in nano-credits: all that went out of an account, or into it."""
    rows = client.get(tile.href).context["cl"].queryset.values_list("debit", "credit", "amount")
    return abs(sum((debit == account) * nano - (credit == account) * nano for debit, credit, nano in rows))


def test_lists_of_today_add_up_to_their_numbers(staff: Client, workspace: Workspace) -> None:
    """Bought, given by a plan and as promotion, taken back in part, used and expired: yesterday and today."""
    today = clock.now().replace(hour=12, minute=0)
    for day, times in ((today - timedelta(days=1), 5), (today, 1)):
        with clock.at(day):
            name, life = f"{day:%d}", {"expires_at": day + timedelta(hours=1)}
            for number, source in enumerate(("bought", "plan", "promotion")):
                grant: dict[str, Any] = {"source": source, "label": source, "amount": times * (number + 10) * NANO}
                credits_grant(workspace_id=workspace.pk, key=f"{name}{source}", **grant)
                credits_grant(workspace_id=workspace.pk, key=f"{name}{source}-short", **grant, **life)
            mistake = credits_grant(workspace_id=workspace.pk, key=f"{name}-no", amount=3 * NANO, label="A mistake")
            operation_id = Lot.objects.get(pk=mistake.lot_id).operation_id
            operation_reverse(
                workspace_id=workspace.pk,
                operation_id=operation_id,
                key=f"{name}-undo",
                reason="A mistake",
                actor="staff",
            )
        with clock.at(day + timedelta(hours=2)), open_book(workspace.pk):
            pass  # posts what ended
    with clock.at(today + timedelta(hours=3)):
        tiles = tiles_of(staff)
        assert {name: tiles[f"{name} today"].value for name in ("Sold", "Granted", "Expired")} == {
            "Sold": "20",
            "Granted": "46",
            "Expired": "33",
        }
        assert total_of(staff, tiles["Sold today"], "issued") == 20 * NANO
        assert total_of(staff, tiles["Granted today"], "issued") == 46 * NANO
        assert total_of(staff, tiles["Expired today"], "expired") == 33 * NANO
