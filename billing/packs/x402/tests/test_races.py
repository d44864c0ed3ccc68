"""Many at once, and a death between settlement and credit: credited at most once, and in the end exactly once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.packs.x402 import paying, settling
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.sweeping import sweep
from billing.packs.x402.tests.conftest import PAY_TO, Agent, credited
from billing.packs.x402.tests.network import Network

pytestmark = pytest.mark.django_db(transaction=True)
FIVE = 1_000 * NANO
PAST = "2026-01-01T00:00Z"


@pytest.fixture
def many_turns(monkeypatch: pytest.MonkeyPatch) -> Any:
    """More threads wait for the network at once than a web process lets."""
    import threading

    with monkeypatch.context() as patch:
        patch.setattr(paying, "_turns", threading.BoundedSemaphore(16))
        yield


def at_once(work: Callable[[Any], Any], given: list[Any]) -> list[Any]:
    def run(each: Any) -> Any:
        try:
            return work(each)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(given)) as pool:
        return list(pool.map(run, given))


@pytest.mark.usefixtures("many_turns")
def test_one_payment_presented_sixteen_times_at_once(agent: Agent, workspace: Workspace, network: Network) -> None:
    value, _ = agent.sign(2)
    answers = at_once(lambda _: agent.present(2, value), [None] * 16)
    codes = sorted(answer.status_code for answer in answers)
    assert codes.count(200) == 1
    assert set(codes) <= {200, 202, 409}  # never 402: that would ask for another payment
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (FIVE, 5_000_000)


@pytest.mark.usefixtures("many_turns")
def test_eight_signatures_under_one_key_are_one_payment(agent: Agent, workspace: Workspace, network: Network) -> None:
    values = [agent.sign(2)[0] for _ in range(8)]
    name = {"Idempotency-Key": "race"}
    answers = at_once(lambda value: agent.present(2, value, **name), values)
    codes = [answer.status_code for answer in answers]
    assert 200 in codes
    assert set(codes) <= {200, 202}
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (FIVE, 5_000_000)


class Killed(BaseException):
    """What a process dies of."""


@pytest.fixture
def dies_before_the_credit(monkeypatch: pytest.MonkeyPatch) -> Any:
    def die(*args: Any, **kwargs: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(settling, "payment_credit", die)
        yield patch


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("who", ["retry", "key", "sweep"])
def test_death_between_settlement_and_credit(
    agent: Agent,
    workspace: Workspace,
    network: Network,
    dies_before_the_credit: pytest.MonkeyPatch,
    version: int,
    who: str,
) -> None:
    value, _ = agent.sign(version)
    name = {"Idempotency-Key": "order"} if who == "key" else {}
    with pytest.raises(Killed):
        agent.present(version, value, **name)
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (0, 5_000_000)
    dies_before_the_credit.undo()
    assert agent.present(version, value, **name).status_code == 202  # somebody may still be at work on it
    assert sweep(clock.now(), 200) == 0
    CryptoPayment.objects.update(leased_until=PAST)
    for _ in range(2):
        match who:
            case "retry":
                assert agent.present(version, value).status_code in (200, 409)  # the second time it is a replay
            case "key":
                assert agent.ask(None, **name).status_code == 200
            case "sweep":
                sweep(clock.now(), 200)
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (FIVE, 5_000_000)
    assert CryptoPayment.objects.get().state == "credited"


@pytest.mark.usefixtures("many_turns")
def test_many_go_on_at_once_with_what_a_death_left(
    agent: Agent, workspace: Workspace, network: Network, dies_before_the_credit: pytest.MonkeyPatch
) -> None:
    value, _ = agent.sign(2)
    name = {"Idempotency-Key": "order"}
    with pytest.raises(Killed):
        agent.present(2, value, **name)
    dies_before_the_credit.undo()
    CryptoPayment.objects.update(leased_until=PAST)
    works: list[Callable[[], Any]] = [lambda: agent.present(2, value, **name), lambda: agent.ask(None, **name)]
    at_once(lambda work: work(), [*works * 4, lambda: sweep(clock.now(), 200), lambda: sweep(clock.now(), 200)])
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (FIVE, 5_000_000)
    payment = CryptoPayment.objects.get()
    assert (payment.state, payment.attempts) == ("credited", 2)  # one of them went on


def test_the_database_takes_an_authorization_once_and_keeps_what_was_credited(agent: Agent) -> None:
    value, _ = agent.sign(2)
    assert agent.present(2, value).status_code == 200
    payment = CryptoPayment.objects.get()
    for change in ({"credits": 1}, {"state": "failed"}, {"transaction": "0x0"}, {"nonce": "0x" + "0" * 64}):
        with pytest.raises(IntegrityError), transaction.atomic():
            CryptoPayment.objects.filter(pk=payment.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        payment.delete()
    payment.pk, payment.public_id, payment.state = None, "usdc_other", "failed"
    payment.lot = payment.bonus_lot = payment.document = payment.credited_at = None
    with pytest.raises(IntegrityError, match="crypto_payment_authorization_once"), transaction.atomic():
        payment.save(force_insert=True)


def test_who_finds_no_turn_leaves_the_payment_to_others(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    value, _ = agent.sign(2)
    name = {"Idempotency-Key": "turn"}
    monkeypatch.setattr(paying, "payment_settle", lambda payment: payment)  # a worker that dies before it settles
    assert agent.present(2, value, **name).status_code == 202
    CryptoPayment.objects.update(leased_until=PAST)
    monkeypatch.setattr(paying, "TURN", 0.01)
    turns = [paying._turns.acquire(timeout=1) for _ in range(paying.MOST)]
    try:
        assert agent.ask(**name).status_code == 503
    finally:
        for _ in turns:
            paying._turns.release()
    found = CryptoPayment.objects.get()
    assert (found.attempts, found.leased_until < clock.now()) == (1, True)
