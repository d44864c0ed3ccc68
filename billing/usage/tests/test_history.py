"""How long it is kept what a workspace's latest requests look like."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from billing.foundation import cache
from billing.usage import history
from billing.usage.history import KEEP_FULL_SECONDS, KEEP_SECONDS, LATEST, TURNOVER, Answers, Requests

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


def test_few_requests_are_read_again_after_a_minute(clock: Clock) -> None:
    reads = Reads(LATEST - 1)
    samples = history._Samples(reads)
    assert [samples.get(WHICH).tokens for _ in range(2 * TURNOVER)] == [1] * 2 * TURNOVER
    clock.now += KEEP_SECONDS
    assert samples.get(WHICH).tokens == 1
    clock.now += 1
    assert samples.get(WHICH).tokens == reads.count == 2


def test_a_full_sample_stays_until_it_has_sized_enough_requests(clock: Clock) -> None:
    reads = Reads(LATEST)
    samples = history._Samples(reads)
    for _ in range(TURNOVER):  # one a second, the last before a minute is over
        assert samples.get(WHICH).tokens == 1
        clock.now += 1
    clock.now += KEEP_SECONDS - TURNOVER
    assert samples.get(WHICH).tokens == 1
    clock.now += 1
    assert samples.get(WHICH).tokens == 2

    clock.now += 4 * KEEP_SECONDS  # without a request
    for _ in range(TURNOVER - 1):
        assert samples.get(WHICH).tokens == 2
    assert samples.get(WHICH).tokens == 3


def test_a_full_sample_that_is_rarely_asked_for_stays_five_minutes(clock: Clock) -> None:
    reads = Reads(LATEST)
    samples = history._Samples(reads)
    assert samples.get(WHICH).tokens == 1
    clock.now += KEEP_FULL_SECONDS - 1
    assert samples.get(WHICH).tokens == 1
    clock.now += 1
    assert samples.get(WHICH).tokens == 2
