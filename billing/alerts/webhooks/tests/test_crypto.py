"""Payments in USDC are events as purchases are, in the transaction that credits, or ends, them."""

import json
from typing import Any

import pytest

from accounts.models import User, Workspace
from billing.alerts.webhooks.endpoints import endpoint_create
from billing.alerts.webhooks.lots import lots_look
from billing.alerts.webhooks.models import WebhookDelivery, WebhookEvent
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.packs import hooks
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.settling import payment_accept, payment_give_up
from billing.packs.x402.sweeping import sweep
from billing.packs.x402.tests.conftest import Agent, agent, credited, network, network_port, wallet  # noqa: F401 - fixtures
from billing.packs.x402.tests.network import Network
from billing.packs.x402.tests.rows import in_review

pytestmark = pytest.mark.django_db(transaction=True)


def told() -> list[tuple[str, dict[str, Any]]]:
    events = WebhookEvent.objects.filter(type__startswith="topup.").order_by("pk")
    return [(event.type, json.loads(event.payload)["data"]) for event in events]


def test_one_that_is_credited_is_told_once_with_its_receipt(
    agent: Agent,  # noqa: F811
    workspace: Workspace,
    alice: User,
) -> None:
    operators, _ = endpoint_create(
        workspace=None, url="https://hooks.example/usdc", event_types=["topup.succeeded"], by=alice
    )
    lots_look(now=clock.now(), limit=100)  # what was there before is history
    value, _ = agent.sign(2)
    assert agent.present(2, value).status_code == 200
    assert agent.present(2, value).status_code == 409
    payment = CryptoPayment.objects.get()
    ((type, data),) = told()
    assert type == "topup.succeeded"
    assert data["workspace"]["id"] == workspace.public_id
    assert data["purchase"] == {
        "id": payment.public_id,
        "name": "Top-up in USDC",
        "price": {"amount": 500, "currency": "usd"},
        "automatic": False,
        "reason": None,
        "method": "usdc",
        "network": "eip155:84532",
        "transaction": payment.transaction,
    }
    assert (data["credits"], data["credits_nano"]) == (1_000, "1000000000000")
    assert WebhookDelivery.objects.filter(endpoint=operators).count() == 1
    lots_look(now=clock.now(), limit=100)
    assert WebhookEvent.objects.filter(type="grant.created").count() == 1
    receipt = OutboxMessage.objects.get(kind="invoice.receipt")
    assert payment.document is not None
    assert payment.document.number in receipt.subject


def test_what_cannot_be_recorded_undoes_the_crediting_and_both_come_later(
    agent: Agent,  # noqa: F811
    workspace: Workspace,
    network: Network,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(payment: CryptoPayment) -> None:
        raise RuntimeError("no room")

    value, _ = agent.sign(2)
    with monkeypatch.context() as patched:
        patched.setattr(hooks, "crypto_credited", [broken])
        with pytest.raises(RuntimeError):
            agent.present(2, value)
    assert (credited(workspace), told(), OutboxMessage.objects.count()) == (0, [], 0)
    CryptoPayment.objects.update(leased_until="2026-01-01T00:00Z")
    sweep(clock.now(), 200)
    assert credited(workspace) == 1_000 * NANO
    assert [type for type, _ in told()] == ["topup.succeeded"]


def test_one_that_failed_is_told_once(agent: Agent, network: Network) -> None:  # noqa: F811
    value, _ = agent.sign(2)
    network.fault = "settle_500"
    assert agent.present(2, value).status_code == 202
    assert told() == []
    network.chain.ahead = 1_000
    CryptoPayment.objects.update(leased_until="2026-01-01T00:00Z")
    for _ in range(2):
        sweep(clock.now(), 200)
    ((type, data),) = told()
    assert (type, data["purchase"]["method"], data["purchase"]["transaction"]) == ("topup.failed", "usdc", None)


def test_what_people_decide_is_told(workspace: Workspace, alice: User) -> None:
    yes, no = in_review(workspace), in_review(workspace, nonce="2")
    assert told() == []
    payment_accept(yes.pk, by=alice.email, why="the wallet is theirs", actor=alice, request=None)
    payment_give_up(no.pk, by=alice, why="it is not", request=None)
    payment_give_up(no.pk, by=alice, why="it is not", request=None)
    assert [(type, data["purchase"]["id"]) for type, data in told()] == [
        ("topup.succeeded", yes.public_id),
        ("topup.failed", no.public_id),
    ]
