"""How long it is kept what a workspace's latest requests look like."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from billing.foundation import cache
from billing.usage import history
from billing.usage.history import KEEP_SECONDS, KEEP_SECONDS_AT_MOST, LATEST, Answers, Requests

WHICH = Requests(1, "openai", "gpt-4o-mini", "chat")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(history, "monotonic", clock.monotonic)
    monkeypatch.setattr(cache, "time", clock)
    yield clock
    cache.clear_all()  # what was kept by this clock


class Reads:
    """Answers with `requests` of them, one token longer each time they are read."""

    def __init__(self, requests: int) -> None:
        self.requests, self.count = requests, 0

    def __call__(self, which: Requests) -> Answers:
        assert which == WHICH
        self.count += 1
        return Answers(self.requests, Decimal(self.count))


def test_what_was_read_is_kept_for_a_minute_however_much_is_asked(clock: Clock) -> None:
    reads = Reads(LATEST)
    samples = history._Samples(reads)
    assert [samples.get(WHICH).tokens for _ in range(2 * LATEST)] == [1] * 2 * LATEST
    clock.now += KEEP_SECONDS
    assert samples.get(WHICH).tokens == 1
    clock.now += 1
    assert samples.get(WHICH).tokens == reads.count == 2


@pytest.mark.parametrize(("requests", "tenth"), [(LATEST, 20), (25, 3), (1, 1)])
def test_then_it_stays_until_it_has_sized_a_tenth_as_many(clock: Clock, requests: int, tenth: int) -> None:
    samples = history._Samples(Reads(requests))
    for _ in range(tenth):
        assert samples.get(WHICH).tokens == 1
        clock.now += 2.5 * KEEP_SECONDS / tenth
    assert samples.get(WHICH).tokens == 2


def test_nothing_is_looked_at_again_after_a_minute(clock: Clock) -> None:
    samples = history._Samples(Reads(0))
    assert samples.get(WHICH).tokens == 1
    clock.now += KEEP_SECONDS + 1
    assert samples.get(WHICH).tokens == 2


def test_what_is_rarely_asked_for_stays_five_minutes(clock: Clock) -> None:
    samples = history._Samples(Reads(LATEST))
    assert samples.get(WHICH).tokens == 1
    clock.now += KEEP_SECONDS_AT_MOST - 1
    assert samples.get(WHICH).tokens == 1
    clock.now += 1
    assert samples.get(WHICH).tokens == 2
