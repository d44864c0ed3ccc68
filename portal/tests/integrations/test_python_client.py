"""docs/integrations/python/purser.py against the running portal."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from purser import PaymentRequired, Problem, Purser, Unreachable

from portal.tests.integrations.between import BUSY, CUT, LIMITED, LOST, Between
from portal.tests.integrations.conftest import ONE_AT_A_TIME, Arrange, Customer, Make

MODEL = "openai/gpt-4o-mini"
USAGE = {"input_tokens": 1200, "output_tokens": 300}
PRICE = Decimal("0.072")
Through = Callable[..., Between]


@pytest.fixture
def orbit(customer: Make) -> Customer:
    return customer(1_000)


@pytest.fixture
def through(orbit: Customer) -> Iterator[Through]:
    """`through(LOST, …)`: a way to the portal on which this happens to the first requests."""
    lines: list[Between] = []

    def make(*faults: str, retry_after: int = 1) -> Between:
        lines.append(Between(orbit.url, faults, retry_after=retry_after))
        return lines[-1]

    yield make
    for line in lines:
        line.shutdown()


def open_holds(customer: Customer) -> list[str]:
    return [hold["hold"] for hold in customer.purser.call("GET", "/usage/holds")[0]["data"]]


def test_a_request_is_estimated_held_and_settled(orbit: Customer) -> None:
    purser = orbit.purser
    estimate = purser.estimate(MODEL, usage={"input_tokens": 900, "output_tokens": 300})
    assert (estimate.credits, estimate.cost_usd) == (Decimal("0.063"), Decimal("0.000315"))
    assert estimate.balance_after == 1_000 - estimate.credits
    assert estimate.sufficient

    held = purser.authorize(MODEL, max_credits=Decimal("0.5"), expires_in=60, agent="support-bot")
    assert (held.credits, held.held, held.balance) == (Decimal("0.5"), Decimal("0.5"), Decimal("999.5"))
    later = purser.extend(held.hold, 3_600)
    assert later > held.expires_at
    assert timedelta(minutes=59) < later - datetime.now(UTC) <= timedelta(hours=1)

    settled = purser.settle(held.hold, USAGE)
    assert (settled.credits, settled.balance, settled.held) == (PRICE, 1_000 - PRICE, 0)
    assert (settled.hold_status, settled.replay, settled.state) == ("settled", False, "healthy")
    again = purser.settle(held.hold, USAGE)
    assert (again.credits, again.replay) == (PRICE, True)


def test_usage_is_recorded_alone_and_in_batches(orbit: Customer) -> None:
    purser = orbit.purser
    body = {"prompt_tokens": 1200, "completion_tokens": 300, "prompt_tokens_details": {"cached_tokens": 0}}
    one = purser.usage(MODEL, body, usage_format="openai", event_id="a", occurred_at=datetime.now(UTC), end_user="u")
    assert (one.credits, one.balance, one.unrated) == (PRICE, 1_000 - PRICE, "")
    batch = purser.batch(
        [
            {"event_id": "a", "model": MODEL, "usage": USAGE},
            {"event_id": "b", "model": MODEL, "usage": USAGE},
            {"event_id": "b", "model": MODEL, "usage": USAGE},
            {"event_id": "c", "model": "nobody/nothing", "usage": USAGE},
            {"event_id": "d", "model": MODEL, "usage": {"input_tokens": "-1"}},
        ]
    )
    assert (batch.accepted, batch.duplicates, batch.credits) == (2, 1, PRICE)
    assert [(each["event_id"], each["code"]) for each in batch.unrated] == [("c", "unknown_model")]
    assert [(each["event_id"], each["code"]) for each in batch.rejected] == [
        ("a", "idempotency_conflict"),
        ("d", "invalid_request"),
    ]
    summary = purser.summary()
    assert (summary.balance, summary.today, summary.held) == (1_000 - 2 * PRICE, 2 * PRICE, 0)


def test_credits_are_exact_both_ways(orbit: Customer) -> None:
    held = orbit.purser.authorize(MODEL, max_credits=Decimal("0.000000001"))
    assert held.credits == Decimal("0.000000001")
    assert held.balance == Decimal("999.999999999")
    orbit.purser.release(held.hold)
    quantity = Decimal("0.333333333")
    charged = orbit.purser.usage(MODEL, {"input_tokens": quantity}, event_id="exact")
    assert charged.answer["lines"][0]["quantity"] == quantity
    assert charged.credits == Decimal("0.00001")  # 9.99999999 nano-credits are 10


def test_refusals_say_what_is_wrong(orbit: Customer) -> None:
    with pytest.raises(PaymentRequired) as poor:
        orbit.purser.authorize(MODEL, max_credits=1_500)
    assert (poor.value.code, poor.value.missing, poor.value.status) == ("insufficient_credits", 500, 402)
    with pytest.raises(Problem) as unknown:
        orbit.purser.estimate("nobody/nothing", usage=USAGE)
    assert (unknown.value.code, unknown.value.status) == ("unknown_model", 422)
    with pytest.raises(Problem) as malformed:
        orbit.purser.usage(MODEL, {"input_tokens": "many"}, event_id="many")
    assert malformed.value.errors[0]["pointer"] == "/usage/input_tokens"
    with pytest.raises(Problem, match="401 invalid_api_key"):
        Purser(orbit.url, "pws_wrong").summary()
    assert orbit.purser.summary().balance == 1_000


def test_a_service_key_acts_for_the_workspace_it_names(orbit: Customer, customer: Make, operator: Purser) -> None:
    other = customer(7)
    assert operator.of(orbit.workspace).summary().balance == 1_000
    assert operator.of(other.workspace).summary().balance == 7
    with pytest.raises(Problem, match="400 invalid_request"):
        operator.summary()


def test_a_block_settles_its_hold(orbit: Customer) -> None:
    with orbit.purser.hold(MODEL, text="Write a haiku.", max_output_tokens=300) as hold:
        assert open_holds(orbit) == [hold.id]
        assert hold.settle(USAGE, task="poem").credits == PRICE
    assert open_holds(orbit) == []
    assert orbit.purser.summary().balance == 1_000 - PRICE


def test_a_block_that_fails_or_settles_nothing_releases_its_hold(orbit: Customer) -> None:
    with pytest.raises(TimeoutError), orbit.purser.hold(MODEL, max_credits=2):
        raise TimeoutError("the model did not answer")
    with orbit.purser.hold(MODEL, max_credits=2):
        pass
    with orbit.purser.hold(MODEL, max_credits=2) as hold:
        hold.release()
    assert open_holds(orbit) == []
    assert orbit.purser.summary().balance == 1_000


def test_a_hold_whose_settling_failed_is_kept_to_be_settled_later(orbit: Customer) -> None:
    with pytest.raises(Problem, match="400"), orbit.purser.hold(MODEL, max_credits=2) as hold:
        hold.settle({"input_tokens": "many"})
    assert open_holds(orbit) == [hold.id]
    assert orbit.purser.settle(hold.id, USAGE).credits == PRICE


@pytest.mark.parametrize("fault", [LOST, CUT, BUSY, LIMITED])
def test_what_is_not_answered_is_sent_again_and_counts_once(orbit: Customer, through: Through, fault: str) -> None:
    line = through(fault)
    purser = Purser(line.url, orbit.key)
    held = purser.authorize(MODEL, max_credits=1)
    line.faults.append(fault)
    settled = purser.settle(held.hold, USAGE)
    line.faults.append(fault)
    purser.usage(MODEL, USAGE, event_id="a")
    assert len(line.seen) == 6
    assert all(first == second for first, second in zip(line.seen[::2], line.seen[1::2], strict=True))
    assert settled.replay == (fault == LOST)
    assert open_holds(orbit) == []
    assert orbit.purser.summary().balance == 1_000 - 2 * PRICE


def test_it_waits_as_long_as_it_is_told(orbit: Customer, through: Through) -> None:
    line = through(BUSY, LIMITED)
    started = time.monotonic()
    assert Purser(line.url, orbit.key).summary().balance == 1_000
    assert time.monotonic() - started >= 2


def test_its_patience_ends(orbit: Customer, through: Through) -> None:
    with pytest.raises(Problem, match="429"):
        Purser(through(LIMITED, retry_after=60).url, orbit.key, patience=5).summary()
    with pytest.raises(Unreachable, match="GET /credits/summary"):
        Purser(through(*[CUT] * 100).url, orbit.key, patience=0.5).summary()


def test_too_many_requests_at_once_is_told_at_once(orbit: Customer, arrange: Arrange) -> None:
    arrange(orbit, ONE_AT_A_TIME)
    purser = Purser(orbit.url, orbit.key, patience=60)
    with purser.hold(MODEL, max_credits=1):
        started = time.monotonic()
        with pytest.raises(Problem, match="concurrency_exceeded"):
            purser.authorize(MODEL, max_credits=1)
        assert time.monotonic() - started < 5
    purser.release(purser.authorize(MODEL, max_credits=1).hold)
    assert open_holds(orbit) == []


def test_what_was_done_without_an_answer_counts_once_when_it_is_asked_again(orbit: Customer, through: Through) -> None:
    impatient = Purser(through(*[LOST] * 4).url, orbit.key, patience=0)
    with pytest.raises(Unreachable) as lost:
        impatient.usage(MODEL, USAGE, event_id="req_8f")
    assert lost.value.key == ""
    again = orbit.purser.usage(MODEL, USAGE, event_id="req_8f")
    assert (again.replay, again.balance) == (True, 1_000 - PRICE)

    with pytest.raises(Unreachable) as lost:
        impatient.authorize(MODEL, max_credits=2)
    held = orbit.purser.authorize(MODEL, max_credits=2, key=lost.value.key)
    assert open_holds(orbit) == [held.hold]
    with pytest.raises(Unreachable):
        impatient.settle(held.hold, USAGE)
    assert orbit.purser.settle(held.hold, USAGE).replay

    other = orbit.purser.authorize(MODEL, max_credits=2)
    with pytest.raises(Unreachable):
        impatient.release(other.hold)
    orbit.purser.release(other.hold)
    assert open_holds(orbit) == []
    assert orbit.purser.summary().balance == 1_000 - 2 * PRICE


def test_usage_is_not_recorded_without_an_id_of_its_own(orbit: Customer) -> None:
    with pytest.raises(TypeError, match="event_id"):
        orbit.purser.usage(MODEL, USAGE)  # type: ignore[call-arg]
    with pytest.raises(Problem, match="400 invalid_request"):
        orbit.purser.usage(MODEL, USAGE, event_id="")
    assert orbit.purser.summary().balance == 1_000


def test_threads_share_a_client(orbit: Customer) -> None:
    purser = orbit.purser
    usage = [{"event_id": str(number)} for number in range(8)]
    threads = [threading.Thread(target=purser.usage, args=(MODEL, USAGE), kwargs=one) for one in usage]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert purser.summary().balance == 1_000 - 8 * PRICE
