"""An export gives way to the requests beside it."""

import time

import pytest

from billing.ledger.proof.pace import PIECE, REST, Pace


class Clock:
    """Passes only when told, and notes how long each rest was, in seconds: nobody really sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.rests: list[float] = []

    def work(self, seconds: float) -> None:
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    return clock


def test_it_rests_longer_than_it_worked(clock: Clock) -> None:
    pace = Pace()
    clock.work(4 * PIECE)
    pace.rest()
    assert clock.rests == [pytest.approx(REST * 4 * PIECE)]


def test_it_rests_after_a_piece_of_work_and_not_before(clock: Clock) -> None:
    pace = Pace()
    clock.work(0.9 * PIECE)
    pace.rest()
    assert clock.rests == []
    clock.work(0.2 * PIECE)
    pace.rest()
    assert clock.rests == [pytest.approx(REST * 1.1 * PIECE)]


def test_a_rest_begins_the_next_piece(clock: Clock) -> None:
    pace = Pace()
    clock.work(2 * PIECE)
    pace.rest()
    clock.work(0.9 * PIECE)
    pace.rest()
    assert len(clock.rests) == 1


def test_while_the_reader_has_a_block_nothing_is_worked(clock: Clock) -> None:
    pace = Pace()
    clock.work(100 * PIECE)  # a slow reader
    pace.go_on()
    clock.work(2 * PIECE)
    pace.rest()
    assert clock.rests == [pytest.approx(REST * 2 * PIECE)]
