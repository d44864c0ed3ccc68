"""Balances of the statement's rows, against the ledger itself."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.models import Transfer, Wallet
from billing.ledger.services import credits_adjust, credits_grant, wallet_settle
from billing.metering.events import EventInput, Source
from billing.metering.record import usage_record
from billing.overview.activity import feed
from billing.overview.statement import BadCursor, Row, net_change, statement
from billing.plans.services import workspace_open


def worth(workspace: Workspace) -> int:
    wallet = Wallet.objects.get(pk=workspace.pk)
    return wallet.available + wallet.held - wallet.debt


def everything(workspace: Workspace, *, show: str = "all", limit: int = 7) -> list[Row]:
    """All pages, one after the other."""
    found = statement(workspace.pk, show=show, limit=limit)
    rows = list(found.rows)
    while found.cursor:
        found = statement(workspace.pk, show=show, cursor=found.cursor, limit=limit)
        rows += found.rows
    return rows


def test_the_newest_balance_is_what_is_there_and_the_oldest_row_starts_from_nothing(northwind: Workspace) -> None:
    rows = everything(northwind)
    assert rows[0].balance == worth(northwind)
    assert rows[-1].balance == rows[-1].delta
    for later, earlier in pairwise(rows):
        assert later.balance - later.delta == earlier.balance
        assert later.place > earlier.place


@pytest.mark.parametrize("limit", [1, 2, 5, 500])
def test_pages_of_any_size_say_the_same(northwind: Workspace, limit: int) -> None:
    expected = [(row.place, row.delta, row.balance) for row in everything(northwind, limit=1000)]
    assert [(row.place, row.delta, row.balance) for row in everything(northwind, limit=limit)] == expected


@pytest.mark.parametrize("show", ["usage", "in", "out"])
def test_filters_keep_the_balances_of_the_whole(northwind: Workspace, show: str) -> None:
    balances = {row.place: row.balance for row in everything(northwind)}
    rows = everything(northwind, show=show, limit=2)
    assert rows
    for row in rows:
        assert row.balance == balances[row.place]
        assert (row.hour is not None) == (show == "usage")


def test_debt_makes_the_balance_negative_and_a_grant_repays_it(stopped: Workspace) -> None:
    rows = everything(stopped)
    assert rows[0].balance == worth(stopped) < 0
    credits_grant(workspace_id=stopped.pk, key="repay", amount=50 * NANO, label="Top-up")
    rows = everything(stopped)
    repay = [row.delta for row in rows if row.transfer and row.transfer.operation.key == "repay"]
    assert repay == [50 * NANO]  # paying back moves nothing in or out
    assert rows[0].balance == worth(stopped) > 0


def test_a_scheduled_lot_counts_from_its_start(prices: None, alice: User) -> None:
    now = clock.now()
    workspace = workspace_open(name="Later", owner=alice)
    start = now + timedelta(days=1)
    credits_grant(workspace_id=workspace.pk, key="later", amount=5 * NANO, label="Later", effective_at=start)
    assert everything(workspace) == []
    wallet_settle(workspace_id=workspace.pk, now=start)
    assert [row.balance for row in everything(workspace)] == [5 * NANO]


def test_expiry_is_a_row_of_its_own(prices: None, alice: User) -> None:
    workspace = workspace_open(name="Expiring", owner=alice)
    end = clock.now() + timedelta(days=1)
    credits_grant(workspace_id=workspace.pk, key="short", amount=5 * NANO, label="Short", expires_at=end)
    wallet_settle(workspace_id=workspace.pk, now=end)
    (entry,) = feed(workspace, show="out").entries
    assert (entry.title, entry.detail, entry.delta, entry.balance) == ("Credits expired", "Short", -5 * NANO, 0)


def test_usage_of_an_hour_is_one_row_whatever_it_consists_of(prices: None, alice: User) -> None:
    workspace = workspace_open(name="Busy", owner=alice)
    credits_grant(workspace_id=workspace.pk, key="start", amount=100 * NANO, label="Start")
    moment = clock.now()
    for n in range(3):
        event = EventInput(f"e{n}", "openai/gpt-4o-mini", {"input_tokens": Decimal(10_000)}, occurred_at=moment)
        usage_record(workspace_id=workspace.pk, source=Source("service"), event=event)
    usage, _grant = feed(workspace).entries
    assert usage.title == "gpt-4o-mini"
    assert usage.detail == "3 requests"
    assert usage.delta == -3 * 300_000_000  # 10,000 tokens at $0.15 per million, $0.005 a credit


def test_net_change_counts_only_what_enters_or_leaves() -> None:
    def change(debit: str, credit: str) -> int:
        return net_change(Transfer(amount=5, debit=debit, credit=credit))

    assert change("issued", "available") == 5
    assert change("available", "spent") == -5
    assert change("debt", "spent") == -5
    assert change("available", "debt") == 0
    assert change("available", "held") == 0
    assert change("issued", "scheduled") == 0
    assert change("scheduled", "available") == 5


@pytest.mark.parametrize(
    "cursor", ["x", "20260101T000000000000", "20261301T000000000000-1", "1-1", "20260101T000000000000-9" + "9" * 30]
)
def test_a_made_up_cursor_is_refused(northwind: Workspace, alice_client: Client, cursor: str) -> None:
    with pytest.raises(BadCursor):
        statement(northwind.pk, cursor=cursor)
    for show in ("all", "entries"):
        assert (
            alice_client.get(f"/w/{northwind.public_id}/activity", {"cursor": cursor, "show": show}).status_code == 404
        )


def test_adjustments_carry_their_reason(northwind: Workspace) -> None:
    credits_adjust(workspace_id=northwind.pk, key="why", amount=-NANO, reason="Counted twice", actor="operator")
    assert any("Counted twice" in entry.detail for entry in feed(northwind, show="out").entries)
