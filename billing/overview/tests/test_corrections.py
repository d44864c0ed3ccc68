"""What was taken back is seen wherever the charge, the grant or the lot is, each leading to the other."""

from decimal import Decimal

import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.credits.units import NANO
from billing.ledger.correction_services import lot_refund, operation_reverse
from billing.ledger.models import Lot, Operation, Transfer
from billing.ledger.services import credits_grant
from billing.metering.events import EventInput, Source
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.reverse import usage_reverse
from billing.overview.activity import feed
from billing.overview.entrypage import entry_page
from billing.overview.tests.holding import place
from billing.plans.services import workspace_open

SERVICE = Source("service")
LINE = 300_000_000  # nano-credits of 10,000 input tokens of gpt-4o-mini
WHO = {"reason": "Answered twice", "actor": "root@example.com"}


@pytest.fixture
def used(prices: None, alice: User) -> Workspace:
    """2 bought credits, of which a batch of two requests took 0.6."""
    workspace = workspace_open(name="Used", owner=alice)
    credits_grant(
        workspace_id=workspace.pk, key="a", amount=2 * NANO, label="Top-up", source="bought", kind="grant.pack"
    )
    usage_record_batch(workspace_id=workspace.pk, source=SERVICE, events=[request("one"), request("two")])
    return workspace


def request(event_id: str, tokens: int = 10_000) -> EventInput:
    return EventInput(event_id, "openai/gpt-4o-mini", {"input_tokens": Decimal(tokens)})


def event(event_id: str) -> UsageEvent:
    return UsageEvent.objects.get(event_id=event_id)


def give_back(event_id: str) -> Transfer:
    found = event(event_id)
    usage_reverse(workspace_id=found.workspace_id, pk=found.pk, **WHO)
    return Transfer.objects.filter(kind="usage.reverse").latest("seq")


def text(client: Client, workspace: Workspace, path: str) -> str:
    response = client.get(f"/w/{workspace.public_id}/{path}")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_a_correction_is_a_row_of_its_own_and_the_usage_stays_as_it_was(used: Workspace) -> None:
    give_back("one")
    rows = {entry.title: entry for entry in feed(used).entries}
    assert rows["Correction"].delta == LINE
    assert rows["Correction"].detail == "Request one · Answered twice"
    assert rows["gpt-4o-mini"].delta == -2 * LINE
    assert [entry.title for entry in feed(used, show="in").entries] == ["Correction", "Credits bought"]


def test_receipt_entry_and_lot_of_a_correction_lead_to_each_other(used: Workspace, alice_client: Client) -> None:
    correction, charge = give_back("one"), Transfer.objects.get(kind="usage.spend")
    receipt = text(alice_client, used, f"activity/requests/{event('one').pk}")
    assert "This charge was taken back" in receipt
    assert "0.30 credits went back to the lots that had paid" in receipt
    assert "Answered twice" in receipt
    assert f"activity/{correction.seq}" in receipt
    assert "taken back" not in text(alice_client, used, f"activity/requests/{event('two').pk}")
    entry = text(alice_client, used, f"activity/{correction.seq}")
    for said in ("Took back the charge of", f"activity/requests/{event('one').pk}", "Put back into", "in part"):
        assert said in entry
    assert f"activity/{charge.seq}" in entry
    assert f"requests/{event('two').pk}" not in entry
    charged = text(alice_client, used, f"activity/{charge.seq}")
    assert "Taken back by" in charged
    assert f"activity/{correction.seq}" in charged
    assert charged.count("Given back") == 1  # of its two requests
    lot = Lot.objects.get(workspace=used)
    assert "Correction" in text(alice_client, used, f"credits/lots/{lot.pk}")


def test_an_hour_says_what_was_given_back_of_it(used: Workspace, alice_client: Client) -> None:
    hour = f"activity/hours/{event('one').booked_at:%Y-%m-%dT%H}"
    assert "given back" not in text(alice_client, used, hour)
    give_back("one")
    page = text(alice_client, used, hour)
    assert "0.30 were given back" in page
    assert page.count("Given back") == 1


def test_debt_that_is_cancelled_is_told(used: Workspace, alice_client: Client) -> None:
    usage_record(workspace_id=used.pk, source=SERVICE, event=request("big", 100_000))
    give_back("big")
    receipt = text(alice_client, used, f"activity/requests/{event('big').pk}")
    assert "1.40 credits went back to the lots that had paid, 1.60 that were owed are owed no more" in receipt


def test_a_refund_is_told_by_its_entry_and_what_it_takes_back(used: Workspace, alice_client: Client) -> None:
    lot = Lot.objects.get(workspace=used)
    lot_refund(workspace_id=used.pk, lot_id=lot.pk, amount=3 * NANO // 2, key="r", **WHO)
    refund, debt = Transfer.objects.get(kind="refund.pack"), Transfer.objects.get(kind="refund.debt")
    titles = [entry.title for entry in feed(used, show="out").entries]
    assert titles == ["Refund of used credits", "Refund"]
    page = entry_page(used, refund.seq)
    assert page is not None
    assert page.takes_back is not None
    assert page.takes_back.seq == lot.seq
    assert [other.seq for other in page.together] == [refund.seq, debt.seq]
    brought = text(alice_client, used, f"activity/{lot.seq}")
    assert f"activity/{refund.seq}" in brought
    assert f"activity/{debt.seq}" in brought
    assert "The whole operation" in text(alice_client, used, f"activity/{debt.seq}")
    operation_reverse(workspace_id=used.pk, operation_id=refund.operation_id, key="u", **WHO)
    assert "Refund undone" in [entry.title for entry in feed(used, show="in").entries]


def test_a_grant_that_was_taken_back_has_words(used: Workspace) -> None:
    operation = Operation.objects.get(kind="grant.pack")
    operation_reverse(workspace_id=used.pk, operation_id=operation.pk, key="u", **WHO)
    out = feed(used, show="out").entries
    assert {entry.title for entry in out} == {"Credits taken back"}
    assert sum(entry.delta for entry in out) == -2 * NANO


def test_many_holds_do_not_hide_what_came_before_them(used: Workspace) -> None:
    for _ in range(12):
        place(used, NANO // 100)
    assert [entry.title for entry in feed(used, limit=5).entries] == ["gpt-4o-mini", "Credits bought"]
