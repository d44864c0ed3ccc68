"""Every page of this package: works, refuses other methods, is hidden from strangers, and a viewer may read it."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Workspace
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, refuses_other_methods
from billing.credits.units import NANO
from billing.ledger.models import Lot, LotTake, Transfer
from billing.metering.models import UsageEvent
from billing.overview.tests.holding import place


def event_page(workspace: Workspace) -> str:
    event = UsageEvent.objects.filter(workspace=workspace, amount__gt=0).order_by("pk").first()
    assert event is not None
    return f"activity/requests/{event.pk}"


def entry_page(workspace: Workspace) -> str:
    transfer = Transfer.objects.filter(workspace=workspace, kind="usage.spend").first()
    assert transfer is not None
    return f"activity/{transfer.seq}"


def hour_page(workspace: Workspace) -> str:
    event = UsageEvent.objects.filter(workspace=workspace).first()
    assert event is not None
    return f"activity/hours/{event.booked_at:%Y-%m-%dT%H}"


def hold_page(workspace: Workspace) -> str:
    return f"credits/holds/hold_{place(workspace, NANO)}"


def lot_page(workspace: Workspace) -> str:
    return f"credits/lots/{Lot.objects.get(workspace=workspace, label='Launch credits').pk}"


def lot_entries_page(workspace: Workspace) -> str:
    take = LotTake.objects.filter(lot__workspace=workspace).latest("pk")
    return f"credits/lots/{take.lot_id}/entries?first={take.pk}&last={take.pk}"


PAGES: dict[str, tuple[Callable[[Workspace], str], str]] = {
    "overview": (lambda _: "", "Available balance"),
    "live": (lambda _: "live", "balance-pill"),
    "usage": (lambda _: "usage", "Spend by model"),
    "usage csv": (lambda _: "usage.csv", "model,name,credits"),
    "activity": (lambda _: "activity", "Every change of the balance"),
    "entries": (lambda _: "activity?show=entries", "Available after"),
    "hour": (hour_page, "Requests"),
    "entry": (entry_page, "The digest covers this entry"),
    "event": (event_page, "What was counted"),
    "models": (lambda _: "models", "gpt 4o mini"),
    "credits": (lambda _: "credits", "Which credits are spent first"),
    "live credits": (lambda _: "live?on=credits", 'id="on-hold"'),
    "holds": (lambda _: "credits/holds", "No request has set credits aside yet"),
    "hold": (hold_page, "Set aside from"),
    "lot": (lot_page, "Where it went"),
    "lot entries": (lot_entries_page, "From this lot"),
    "requests": (lambda _: "usage/requests", "the latest first"),
    "statement": (lambda _: "credits/statement", "By source"),
    "statement csv": (lambda _: "credits/statement.csv", "date,until,entry,source,kind"),
    "proof": (lambda _: "credits/proof", "Check against an older head"),
    "proof file": (lambda _: "credits/proof.jsonl", "purser-proof"),
    "proof script": (lambda _: "credits/verify_balance.py", "Verify a proof of balance"),
}


@pytest.mark.parametrize("name", PAGES)
def test_works_for_everybody_with_a_role_and_lets_nobody_else_in(
    name: str, northwind: Workspace, alice_client: Client, bob_client: Client, charlie_client: Client
) -> None:
    path, text = PAGES[name]
    url = f"/w/{northwind.public_id}/{path(northwind)}"
    for client in (alice_client, bob_client):
        response = client.get(url)
        assert response.status_code == 200
        assert text in response.getvalue().decode()
    refuses_other_methods(alice_client, url, "get")
    hides_from_strangers(charlie_client, url)
    asks_to_sign_in(url)
