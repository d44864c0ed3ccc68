"""What stands between one payment and two credits, taken away: then the tests that are named here do fail.

Two guards: an authorization is one row, by a constraint of the database; and credits come only when the network shows
the transfer, whatever the facilitator says.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import ApiKey, Workspace
from billing.credits.units import NANO
from billing.packs.x402 import settling
from billing.packs.x402.chain import Shown
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.tests import test_outcomes, test_races, test_topup
from billing.packs.x402.tests.conftest import PAY_TO, Agent, credited
from billing.packs.x402.tests.network import Network

pytestmark = pytest.mark.django_db(transaction=True)
FIVE = 1_000 * NANO
TABLE, CONSTRAINT = "packs_cryptopayment", "crypto_payment_authorization_once"


@contextmanager
def without_the_constraint() -> Iterator[None]:
    """The rows that it would not have let in are gone afterwards, and it is there again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [CONSTRAINT])
        ((definition,),) = cursor.fetchall()
        assert definition == "UNIQUE (network, asset, payer, nonce)"
        cursor.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT {CONSTRAINT}")
    try:
        yield
    finally:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL purser.ledger_rewrite = 'on'")
            cursor.execute(f"DELETE FROM {TABLE}")
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"ALTER TABLE {TABLE} ADD CONSTRAINT {CONSTRAINT} {definition}")


@contextmanager
def without_the_proof(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The facilitator is believed: what it says is done counts as shown by the network."""

    def believe(rail: Any, payment: CryptoPayment, settled: settling.Settled) -> Shown:
        return Shown("paid", settled.transaction) if settled.outcome == "done" else Shown("unused")

    with monkeypatch.context() as patch:
        patch.setattr(settling, "_look_until_there", believe)
        yield


def test_without_the_constraint_one_transfer_is_credited_twice(
    agent: Agent, workspace: Workspace, network: Network, service_key: tuple[ApiKey, str]
) -> None:
    network.forgetful = True
    value, _ = agent.sign(2)
    with without_the_constraint():
        assert agent.present(2, value).status_code == 200
        answer, other = test_outcomes.presented_by_another(service_key, value)
        assert answer.status_code == 200
        assert (credited(workspace), credited(other)) == (FIVE, FIVE)
        assert network.chain.balance(PAY_TO) == 5_000_000


@pytest.mark.parametrize(
    "guarded",
    [
        test_topup.test_a_replay_is_told_so_and_credits_nothing,
        test_topup.test_another_workspace_presents_the_same_payment,
        test_outcomes.test_a_facilitator_that_is_done_again_with_the_same_payment,
    ],
)
def test_without_the_constraint_the_tests_of_replays_fail(
    guarded: Callable[..., None], request: pytest.FixtureRequest, agent: Agent
) -> None:
    given = {name: request.getfixturevalue(name) for name in signature(guarded).parameters if name != "version"}
    version = {"version": 2} if "version" in signature(guarded).parameters else {}
    with without_the_constraint():
        must_fail(lambda: guarded(**given, **version))


def test_without_the_constraint_the_test_of_the_database_fails(agent: Agent) -> None:
    with without_the_constraint(), pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_races.test_the_database_takes_an_authorization_once_and_keeps_what_was_credited(agent)


def test_without_the_proof_a_lie_is_credited(
    agent: Agent, workspace: Workspace, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.fault = "settle_lies"
    value, _ = agent.sign(2)
    with without_the_proof(monkeypatch):
        assert agent.present(2, value).status_code == 200
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (FIVE, 0)


def test_without_the_proof_the_test_of_the_lying_facilitator_fails(
    agent: Agent, workspace: Workspace, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    with without_the_proof(monkeypatch):
        must_fail(lambda: test_topup.test_a_facilitator_that_lies_is_not_believed(agent, workspace, network))


def must_fail(run: Callable[[], None]) -> None:
    """By what it asserts of the answers: one that is no error has no `code`."""
    with pytest.raises((AssertionError, KeyError)):
        run()
