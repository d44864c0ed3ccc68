"""POST /api/v1/credits/topup: paid by the package's own client at its own facilitator, on loopback."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test import Client
from eth_account import Account
from x402.http.utils import decode_payment_response_header
from x402.schemas import VerifyResponse

from accounts.models import ApiKey, User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.invoices.models import Document
from billing.ledger.models import Lot
from billing.packs.models import Pack
from billing.packs.x402 import facilitator
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.sweeping import sweep
from billing.packs.x402.tests.conftest import PAY_TO, Agent, changed, credited
from billing.packs.x402.tests.network import Network
from billing.packs.x402.verify import verify_crypto

pytestmark = pytest.mark.django_db(transaction=True)
VERSIONS = pytest.mark.parametrize("version", [1, 2])
FIVE = 1_000 * NANO  # credits for $5, at half a cent each
State = CryptoPayment.State


def test_off_until_it_is_set_up(workspace_key: Callable[..., tuple[ApiKey, str]]) -> None:
    answer = Client().post(
        "/api/v1/credits/topup",
        {"amount_usd": 5},
        content_type="application/json",
        headers={"Authorization": f"Bearer {workspace_key()[1]}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_what_to_pay_in_both_generations_at_once(agent: Agent) -> None:
    demanded = agent.ask()
    body = demanded.json()
    assert (demanded.status_code, body["code"], body["x402Version"]) == (402, "payment_required", 1)
    (way,) = body["accepts"]
    assert (way["network"], way["maxAmountRequired"], way["payTo"]) == ("base-sepolia", "5000000", PAY_TO)
    second = json.loads(base64.b64decode(demanded.headers["PAYMENT-REQUIRED"]))
    assert (second["x402Version"], second["accepts"][0]["network"]) == (2, "eip155:84532")
    assert second["accepts"][0]["amount"] == "5000000"
    assert demanded.headers["Cache-Control"] == "no-store"
    assert "PAYMENT-REQUIRED" in demanded.headers["Access-Control-Expose-Headers"]
    assert not CryptoPayment.objects.exists()


@VERSIONS
def test_paid_credited_and_invoiced(agent: Agent, workspace: Workspace, network: Network, version: int) -> None:
    value, _ = agent.sign(version)
    paid = agent.present(version, value)
    told = paid.json()
    assert paid.status_code == 200, told
    assert (told["state"], told["credits"], told["amount_usd"]) == ("credited", 1000, 5)
    assert credited(workspace) == FIVE
    assert network.chain.balance(PAY_TO) == 5_000_000
    receipt = decode_payment_response_header(paid.headers["X-PAYMENT-RESPONSE" if version == 1 else "PAYMENT-RESPONSE"])
    assert (receipt.success, receipt.transaction) == (True, told["transaction"])
    payment = CryptoPayment.objects.get()
    assert (payment.transaction, payment.state) == (told["transaction"], State.CREDITED)
    document = Document.objects.get()
    assert (document.number, document.total, document.status) == (told["invoice"], 500, "paid")
    assert Lot.objects.get().source == "bought"


def test_a_pack_brings_its_bonus(agent: Agent, workspace: Workspace) -> None:
    pack = Pack.objects.filter(active=True, plans=[]).order_by("price").first()
    assert pack is not None
    body = {"packId": pack.key}
    value, _ = agent.sign(2, body)
    assert agent.present(2, value, body).status_code == 200
    assert credited(workspace) == pack.total_credits
    assert CryptoPayment.objects.get().pack == pack


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"amount_usd": 0.5},
        {"amount_usd": 1001},
        {"amount_usd": 5.001},
        {"amount_usd": "five"},
        {"amount_usd": [5]},
        {"packId": "none"},
        {"x": 1},
    ],
)
def test_what_cannot_be_bought(agent: Agent, body: dict[str, Any]) -> None:
    assert agent.present(2, "e30=", body or {"amount_usd": None}).status_code == 400
    assert not CryptoPayment.objects.exists()


@VERSIONS
def test_a_replay_is_told_so_and_credits_nothing(agent: Agent, workspace: Workspace, version: int) -> None:
    value, _ = agent.sign(version)
    assert agent.present(version, value).status_code == 200
    for each in (1, 2):  # whichever header it comes in
        again = agent.present(each, value)
        assert (again.status_code, again.json()["code"]) == (409, "payment_used")
    assert credited(workspace) == FIVE


def test_another_workspace_presents_the_same_payment(
    agent: Agent, workspace: Workspace, service_key: tuple[ApiKey, str]
) -> None:
    other = Workspace.objects.create(name="Other")
    value, _ = agent.sign(2)
    assert agent.present(2, value).status_code == 200
    stolen = Client().post(
        "/api/v1/credits/topup",
        {"amount_usd": 5},
        content_type="application/json",
        headers={
            "Authorization": f"Bearer {service_key[1]}",
            "Purser-Workspace": other.public_id,
            "PAYMENT-SIGNATURE": value,
        },
    )
    assert (stolen.status_code, stolen.json()["code"]) == (409, "payment_used")
    assert (credited(workspace), credited(other)) == (FIVE, 0)


@VERSIONS
def test_bad_signatures_and_empty_wallets(agent: Agent, workspace: Workspace, network: Network, version: int) -> None:
    value, payment = agent.sign(version)

    def forge(content: dict[str, Any]) -> None:
        content["payload"]["signature"] = "0x" + "11" * 65

    forged = agent.present(version, changed(value, forge))
    assert (forged.status_code, forged.json()["code"]) == (402, "payment_required")
    network.chain.mint(payment.payload["authorization"]["from"], 1)
    poor = agent.present(version, value)
    assert (poor.status_code, poor.json()["error"]) == (402, poor.json()["error"])
    assert not CryptoPayment.objects.exists()
    assert credited(workspace) == 0


def test_a_price_that_was_signed_for_less(agent: Agent, workspace: Workspace) -> None:
    value, _ = agent.sign(2, {"amount_usd": 5})
    answer = agent.present(2, value, {"amount_usd": 500})
    assert (answer.status_code, answer.json()["error"]) == (402, "requirements_mismatch")
    assert credited(workspace) == 0


def test_malformed_headers_take_nothing(agent: Agent, network: Network) -> None:
    for value in ("x", "e30=", "A" * 8_196):
        answer = agent.present(2, value)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert "/verify" not in network.asked


def test_an_idempotency_key_is_asked_before_any_payment(agent: Agent, workspace: Workspace) -> None:
    value, _ = agent.sign(2)
    name = {"Idempotency-Key": "order-7"}
    first = agent.present(2, value, **name)
    again = agent.ask(None, **name)  # without a payment at all
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.json()["transaction"] == first.json()["transaction"]
    other = agent.ask({"amount_usd": 6}, **name)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert credited(workspace) == FIVE


def test_facilitator_down_takes_nothing_and_the_same_bytes_work_later(agent: Agent, network: Network) -> None:
    value, _ = agent.sign(2)
    network.fault = "verify_500"
    down = agent.present(2, value)
    assert (down.status_code, down.headers["Retry-After"]) == (503, "5")
    assert not CryptoPayment.objects.exists()
    assert agent.present(2, value).status_code == 200


def test_node_down_takes_nothing(agent: Agent, network: Network) -> None:
    value, _ = agent.sign(2)
    network.node_down = True
    assert agent.present(2, value).status_code == 503
    assert not CryptoPayment.objects.exists()
    assert "/settle" not in network.asked


@pytest.mark.parametrize("fault", ["settle_lost", "slow"])
def test_the_answer_is_lost_and_the_network_shows_the_money(
    agent: Agent, workspace: Workspace, network: Network, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    value, _ = agent.sign(2)
    with monkeypatch.context() as patch:
        if fault == "slow":
            patch.setattr(facilitator, "TIMEOUT", 0.5)
            patch.setattr(facilitator, "verify", _good)
        network.fault = fault
        answer = agent.present(2, value)
    if answer.status_code == 202:  # the facilitator was still at it
        network.wait_until_done()
        CryptoPayment.objects.update(leased_until="2026-01-01T00:00Z")
        assert sweep(_now(), 200) == 1
    assert credited(workspace) == FIVE
    assert CryptoPayment.objects.get().state == State.CREDITED


def test_a_facilitator_that_lies_is_not_believed(agent: Agent, workspace: Workspace, network: Network) -> None:
    value, _ = agent.sign(2)
    network.fault = "settle_lies"
    answer = agent.present(2, value)
    assert (answer.status_code, answer.json()["state"]) == (202, "settling")
    assert credited(workspace) == 0
    CryptoPayment.objects.update(leased_until="2026-01-01T00:00Z")
    sweep(_now(), 200)  # its time is not over: it is settled after all
    assert credited(workspace) == FIVE


def test_a_receipt_that_takes_long_is_found_with_the_same_bytes(
    agent: Agent, workspace: Workspace, network: Network
) -> None:
    value, _ = agent.sign(2)
    network.chain.slow_receipts = 1
    assert agent.present(2, value).status_code == 200
    assert credited(workspace) == FIVE
    assert network.chain.balance(PAY_TO) == 5_000_000


def test_sent_by_a_stranger_before_us_it_is_not_credited(
    agent: Agent, workspace: Workspace, network: Network, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    value, payment = agent.sign(2)
    network.chain.transfer(network.chain.arguments(payment))
    answer = agent.present(2, value)
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_used")
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (0, 5_000_000)
    waits = CryptoPayment.objects.get()
    assert (waits.state, waits.transaction) == (State.REVIEW, next(iter(network.chain.events)))
    assert agent.present(2, value).status_code in (202, 409)
    assert OutboxMessage.objects.filter(kind="purchase.problem").count() == 1


def test_a_cancelled_authorization_is_no_payment(agent: Agent, workspace: Workspace, network: Network) -> None:
    value, payment = agent.sign(2)
    signed = payment.payload["authorization"]
    network.chain.cancel(signed["from"], signed["nonce"])
    assert agent.present(2, value).status_code == 409
    assert credited(workspace) == 0


def test_another_wallet_cannot_be_named_as_the_payer(agent: Agent, workspace: Workspace, network: Network) -> None:
    value, _ = agent.sign(2)
    rich = Account.create().address
    network.chain.mint(rich, 10**9)

    def swap(content: dict[str, Any]) -> None:
        content["payload"]["authorization"]["from"] = rich

    assert agent.present(2, changed(value, swap)).status_code == 402
    assert (credited(workspace), network.chain.balance(rich)) == (0, 10**9)


def _good(payload: Any, requirements: Any) -> VerifyResponse:
    return VerifyResponse(is_valid=True)


def _now() -> Any:
    return clock.now()


def test_the_ledger_check_finds_what_does_not_agree(agent: Agent, workspace: Workspace) -> None:
    value, _ = agent.sign(2)
    assert agent.present(2, value).status_code == 200
    assert verify_crypto(workspace.pk) == []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL purser.ledger_rewrite = 'on'")
        CryptoPayment.objects.update(credits=F("credits") - 1)
    (problem,) = verify_crypto(workspace.pk)
    assert "1000000000000 nano-credits in the ledger, 999999999999 by its payment" in problem.detail
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL purser.ledger_rewrite = 'on'")
        CryptoPayment.objects.all().delete()
    assert len(verify_crypto(workspace.pk)) == 1, "credits without a payment"


def test_a_lost_answer_is_told_whatever_became_of_the_pack(agent: Agent, workspace: Workspace, settings: Any) -> None:
    pack = Pack.objects.filter(currency="usd").first()
    assert pack is not None
    name, body = {"Idempotency-Key": "order-8"}, {"packId": pack.key}
    value, _ = agent.sign(2, body)
    paid = agent.present(2, value, body, **name).json()
    assert paid["state"] == "credited"
    had = credited(workspace)
    Pack.objects.filter(pk=pack.pk).update(price=F("price") + 100, version=F("version") + 1)
    assert agent.ask(body, **name).json()["id"] == paid["id"]
    Pack.objects.filter(pk=pack.pk).update(active=False)
    assert agent.ask(body, **name).json()["id"] == paid["id"]
    settings.X402_PAY_TO = ""
    again = agent.ask(body, **name)
    assert (again.status_code, again.json()["id"]) == (200, paid["id"])
    assert agent.ask({"amount_usd": 5}, **name).status_code == 409  # the name was used for the pack
    assert credited(workspace) == had
