"""Facilitators that fail and forget, and payers who send authorizations themselves: credited at most once."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from eth_account.signers.local import LocalAccount
from x402.schemas import VerifyResponse

from accounts.models import ApiKey, User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.packs.x402 import facilitator
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.sweeping import sweep
from billing.packs.x402.tests.conftest import PATH, PAY_TO, Agent, changed, credited
from billing.packs.x402.tests.network import Network

pytestmark = pytest.mark.django_db(transaction=True)
FIVE = 1_000 * NANO
State = CryptoPayment.State


def leases_are_over() -> None:
    CryptoPayment.objects.filter(state=State.SETTLING).update(leased_until="2026-01-01T00:00Z")


def presented_by_another(service_key: tuple[ApiKey, str], value: str) -> tuple[Any, Workspace]:
    """The same bytes, in another workspace."""
    other = Workspace.objects.create(name="Other")
    headers = {"Authorization": f"Bearer {service_key[1]}", "Purser-Workspace": other.public_id}
    answer = Client().post(
        PATH, {"amount_usd": 5}, content_type="application/json", headers=headers | {"PAYMENT-SIGNATURE": value}
    )
    return answer, other


def test_nobody_listens_where_the_facilitator_was(
    agent: Agent, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    value, _ = agent.sign(2)
    with monkeypatch.context() as patch:
        patch.setattr(settings, "X402_FACILITATOR_URL", "http://127.0.0.1:1")
        assert agent.present(2, value).status_code == 503
    assert not CryptoPayment.objects.exists()
    assert agent.present(2, value).status_code == 200
    assert credited(workspace) == FIVE


def test_a_settlement_that_fails_is_tried_again_by_the_sweep(
    agent: Agent, workspace: Workspace, network: Network
) -> None:
    value, _ = agent.sign(2)
    network.fault = "settle_500"
    assert agent.present(2, value).status_code == 202
    assert credited(workspace) == 0
    for _ in range(2):
        leases_are_over()
        sweep(clock.now(), 200)
        assert (credited(workspace), network.chain.balance(PAY_TO)) == (FIVE, 5_000_000)


def test_what_is_not_sent_in_time_fails_and_frees_its_key(agent: Agent, workspace: Workspace, network: Network) -> None:
    value, _ = agent.sign(2)
    network.fault = "settle_500"
    name = {"Idempotency-Key": "order"}
    assert agent.present(2, value, **name).status_code == 202
    network.chain.ahead = 1_000
    leases_are_over()
    sweep(clock.now(), 200)
    assert CryptoPayment.objects.get().state == State.FAILED
    network.chain.ahead = 0
    assert agent.present(2, value, **name).status_code == 402  # that one is over; another may be signed
    assert agent.present(2, agent.sign(2)[0], **name).status_code == 200
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (FIVE, 5_000_000)


def test_a_node_that_lags_behind_its_clock_fails_nothing(agent: Agent, network: Network) -> None:
    """The nodes behind one address are not all at the same block: a payment of the last seconds may be missing."""
    value, payment = agent.sign(2)
    network.fault = "settle_500"
    assert agent.present(2, value).status_code == 202
    network.chain.ahead = int(payment.payload["authorization"]["validBefore"]) + 30 - int(clock.now().timestamp())
    leases_are_over()
    sweep(clock.now(), 200)
    assert CryptoPayment.objects.get().state != State.FAILED


def test_a_facilitator_that_finds_a_forged_signature_good(
    agent: Agent, workspace: Workspace, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    value, _ = agent.sign(2)
    forged = changed(value, lambda content: content["payload"].update(signature="0x" + "11" * 65))
    with monkeypatch.context() as patch:
        patch.setattr(facilitator, "verify", lambda *_: VerifyResponse(is_valid=True))
        assert agent.present(2, forged).status_code == 202
    network.chain.ahead = 1_000
    leases_are_over()
    sweep(clock.now(), 200)
    assert CryptoPayment.objects.get().state == State.FAILED
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (0, 0)


def test_a_facilitator_that_lies_to_the_end(agent: Agent, workspace: Workspace, network: Network, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    value, _ = agent.sign(2)
    network.fault = "settle_lies"
    assert agent.present(2, value).status_code == 202
    network.chain.ahead = 1_000
    for _ in range(2):
        leases_are_over()
        sweep(clock.now(), 200)
    assert CryptoPayment.objects.get().state == State.REVIEW
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (0, 0)
    assert OutboxMessage.objects.filter(kind="purchase.problem").count() == 1


def test_a_facilitator_that_is_done_again_with_the_same_payment(
    agent: Agent, workspace: Workspace, network: Network, service_key: tuple[ApiKey, str]
) -> None:
    """It finds good, and done, what it has settled before: the row of the first presentation stands against it."""
    network.forgetful = True
    value, _ = agent.sign(2)
    assert agent.present(2, value).status_code == 200
    assert agent.present(2, value).status_code == 409
    answer, other = presented_by_another(service_key, value)
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_used")
    assert (credited(workspace), credited(other), network.chain.balance(PAY_TO)) == (FIVE, 0, 5_000_000)


def test_a_facilitator_that_finds_good_what_a_stranger_reads_on_the_network(
    agent: Agent, workspace: Workspace, network: Network
) -> None:
    """It was sent, and never presented here: whoever presents it afterwards proves nothing."""
    value, payment = agent.sign(2)
    hash = network.chain.transfer(network.chain.arguments(payment))
    network.forgetful = True
    done = {"success": True, "transaction": hash, "network": "eip155:84532"}
    network.settled[payment.payload["authorization"]["nonce"]] = done
    assert agent.present(2, value).status_code == 409
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (0, 5_000_000)
    assert CryptoPayment.objects.get().state == State.REVIEW


@pytest.mark.parametrize("fault", ["settle_reverts", "settle_lost", ""])
def test_the_payer_sends_it_before_the_facilitator_does(
    agent: Agent, workspace: Workspace, network: Network, fault: str
) -> None:
    """The money is here once. It is credited once, unless the facilitator's own try is known to have failed: then
    somebody else sent it, and a person decides.
    """
    value, payment = agent.sign(2)
    network.meanwhile = lambda: network.chain.transfer(network.chain.arguments(payment))
    network.fault = fault
    assert agent.present(2, value).status_code in (200, 202)
    leases_are_over()
    sweep(clock.now(), 200)
    state = CryptoPayment.objects.get().state
    decided = [(0, State.REVIEW)] if fault == "settle_reverts" else [(FIVE, State.CREDITED), (0, State.REVIEW)]
    assert (credited(workspace), state) in decided
    assert network.chain.balance(PAY_TO) == 5_000_000


def test_two_authorizations_in_one_transaction_with_one_transfer_to_us(
    agent: Agent, workspace: Workspace, network: Network, wallet: LocalAccount, alice: User
) -> None:
    """The payer signs the second one's nonce for a transfer to itself as well, and sends that together with the first
    one from a contract: both nonces are used in a transaction in which one payment came.
    """
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    second, payment = agent.sign(2)
    network.fault = "settle_500"
    assert agent.present(2, second).status_code == 202
    first, paid = agent.sign(2)
    nonce, before = payment.payload["authorization"]["nonce"], 2**40
    fields = (wallet.address, wallet.address, 1, 0, before, bytes.fromhex(nonce[2:]))
    signed = wallet.sign_message(network.chain.signable(*fields))
    to_itself = (*fields, signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big"))
    network.meanwhile = lambda: network.chain.transfer(to_itself, network.chain.arguments(paid))
    network.fault = "settle_reverts"
    assert agent.present(2, first).json()["state"] == "review"  # the try failed, and the money came otherwise
    leases_are_over()
    sweep(clock.now(), 200)
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (0, 5_000_000)
    left = CryptoPayment.objects.get(nonce=nonce)
    assert (left.state, left.problem) == (State.REVIEW, "The authorization was used for another transfer.")
    assert OutboxMessage.objects.filter(kind="purchase.problem").count() == 2
