"""An export gives way to the requests beside it."""

import time

import pytest

from billing.ledger.proof.pace import PIECE, REST, Pace


def busy(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each rest was, in seconds; nobody really sleeps."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_it_rests_longer_than_it_worked(rests: list[float]) -> None:
    pace = Pace()
    busy(4 * PIECE)
    pace.rest()
    assert len(rests) == 1
    assert rests[0] >= REST * 4 * PIECE


def test_it_rests_after_a_piece_of_work_and_not_before(rests: list[float]) -> None:
    pace = Pace()
    began = time.perf_counter()
    calls = 0
    while not rests:
        pace.rest()
        calls += 1
    assert time.perf_counter() - began >= PIECE
    assert calls > 1


def test_while_the_reader_has_a_block_nothing_is_worked(rests: list[float]) -> None:
    pace = Pace()
    busy(100 * PIECE)  # a slow reader
    pace.go_on()
    busy(PIECE)
    pace.rest()
    assert rests[0] < REST * 100 * PIECE
