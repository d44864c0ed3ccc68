"""Processes that do the same work over the same stretches of time, and what they measured. Imports no Django."""

import multiprocessing
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

spawn = multiprocessing.get_context("spawn")


@dataclass
class Measured:
    """What all processes of one figure did together."""

    done: int = 0
    units: int = 0  # events: one per post, many per batch
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.units / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds below which `share` of the requests were answered."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0

    def add(self, other: "Measured") -> None:
        self.done += other.done
        self.units += other.units
        self.seconds += other.seconds
        self.latencies += other.latencies
        for name, count in other.failures.items():
            self.failures[name] = self.failures.get(name, 0) + count


class Crew:
    """Processes of `work(plan, number, pipe)`. Between two stretches they wait and cost nothing."""

    def __init__(self, work: Callable[..., None], plan: Any, *, size: int) -> None:
        self._pipes, self._processes = [], []
        self._seconds = 0.0
        for number in range(size):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=work, args=(plan, number, theirs), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        for pipe in self._pipes:  # each says that it is connected
            pipe.recv()

    def start(self, begin: float, end: float) -> None:
        """Work at once, measure from `begin` to `end` (of the monotonic clock)."""
        self._seconds = end - begin
        for pipe in self._pipes:
            pipe.send((begin, end))

    def result(self) -> Measured:
        """What was measured since the last `start`."""
        total = Measured()
        for pipe in self._pipes:
            total.add(Measured(*pipe.recv()))
        total.seconds = self._seconds
        return total

    def dismiss(self) -> None:
        for pipe in self._pipes:
            pipe.close()  # which they take for the end
        for process in self._processes:
            process.join(5)


def together(crews: list[Crew], *, warm_up: float, seconds: float) -> list[Measured]:
    """One stretch of all of them at the same time."""
    begin = time.monotonic() + warm_up
    for crew in crews:
        crew.start(begin, begin + seconds)
    return [crew.result() for crew in crews]


def in_turns(
    crews: Mapping[str, Crew],
    stretches: Sequence[Sequence[str]],
    *,
    rounds: int,
    warm_up: float,
    seconds: float,
    tell: Callable[[str], None],
) -> dict[str, list[Measured]]:
    """Each stretch (the crews that work in it at the same time) once per round, forth and back: what the machine does
    beside hits all of them alike. What every crew did, round by round.
    """
    found: dict[str, list[Measured]] = {name: [] for name in crews}
    for number in range(rounds):
        for names in stretches if number % 2 == 0 else stretches[::-1]:
            tell(f"Round {number + 1} of {rounds}: {' and '.join(names)} …")
            results = together([crews[name] for name in names], warm_up=warm_up, seconds=seconds)
            for name, measured in zip(names, results, strict=True):
                found[name].append(measured)
    return found


def whole(rounds: Sequence[Measured]) -> Measured:
    total = Measured()
    for measured in rounds:
        total.add(measured)
    return total


def stretches(pipe: Any) -> Iterator[tuple[float, float]]:
    """From when to when a crew is to work, again and again until it is dismissed."""
    pipe.send("ready")
    with suppress(EOFError):
        while True:
            yield pipe.recv()


def loop(pipe: Any, step: Callable[[], tuple[int, str]], *, first: Callable[[], None] | None = None) -> None:
    """Call `step` over each stretch, `first` at its start. A step says its units and what went wrong."""
    for stretch in stretches(pipe):
        if first is not None:
            first()
        pipe.send(_measured(step, *stretch))


def _measured(step: Callable[[], tuple[int, str]], begin: float, end: float) -> tuple[Any, ...]:
    """Count what finished in time, whenever it began: steps may be longer than the stretch. The fields of Measured."""
    done, units = 0, 0
    latencies: list[float] = []
    failures: dict[str, int] = {}
    clock = time.monotonic
    started = clock()
    while started < end:
        count, failure = step()
        now = clock()
        if failure:
            failures[failure] = failures.get(failure, 0) + 1
        elif begin <= now <= end:
            done += 1
            units += count
            latencies.append(now - started)
        started = now
    return done, units, end - begin, latencies, failures


def own_order(several: Iterable[T], number: int) -> list[T]:
    """The order in which process `number` takes them. In one for all, whoever catches up with another one waits at
    every wallet that comes.
    """
    found = list(several)
    random.Random(number).shuffle(found)
    return found
