"""What is measured: the loads, in which turns they run, and what is compared with what."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import clients
from load import Crew, Measured, in_turns
from report import Figure, Goal, Ratio

PARTS = ("posts", "batches", "holds", "export")
MANY, HOT = "many wallets", "one hot wallet"
ALONE, BESIDE, EXPORT = "posts, long history", "posts beside its export", "its export"
ENOUGH = 0.8  # of its posts are left to a wallet while its whole history is exported


def floor_of(name: str) -> str:
    return f"floor of {name}"


# (what it says, above, below, at least)
RATIOS: Sequence[tuple[str, str, str, float | None]] = (
    (f"posts, {MANY} ÷ their own SQL", f"posts, {MANY}", floor_of(f"posts, {MANY}"), 0.25),
    ("posts: hot ÷ many", f"posts, {HOT}", f"posts, {MANY}", 0.3),
    ("hold + settle: hot ÷ many", f"hold + settle, {HOT}", f"hold + settle, {MANY}", None),
    (f"hold + settle ÷ posts, {MANY}", f"hold + settle, {MANY}", f"posts, {MANY}", 0.5),
    (f"hold + settle ÷ posts, {HOT}", f"hold + settle, {HOT}", f"posts, {HOT}", None),
    (f"posts, {HOT}: beside its export ÷ without", BESIDE, ALONE, ENOUGH),
)

Work = Callable[..., None]
Rounds = dict[str, list[Measured]]


@dataclass(frozen=True)
class Load:
    """One figure: what each of its processes does, and by which plan."""

    part: str
    name: str
    unit: str
    work: Work
    plan: Any
    floor: bool = False
    size: int = 8


@dataclass
class Ready:
    """A prepared database and the web server on it."""

    key: str
    everyone: tuple[str, ...]
    floors: list[Load] = field(default_factory=list)
    long: str = ""  # the workspace with a long history
    port: int = 0


def loads(ready: Ready, options: argparse.Namespace) -> list[Load]:
    """What `--only` leaves of it, floors included."""
    plan = partial(clients.Plan, ready.port, ready.key)
    hot, long = ready.everyone[:1], (ready.long,)
    all_of_them = [
        Load("posts", f"posts, {MANY}", "posts/s", clients.post, plan("many", ready.everyone)),
        Load("posts", f"posts, {HOT}", "posts/s", clients.post, plan("hot", hot)),
        Load("batches", "batches", "events/s", clients.post, plan("batch", ready.everyone, options.batch_size)),
        Load("holds", f"hold + settle, {MANY}", "pairs/s", clients.pair, plan("pair-many", ready.everyone)),
        Load("holds", f"hold + settle, {HOT}", "pairs/s", clients.pair, plan("pair-hot", hot)),
        Load("export", ALONE, "posts/s", clients.post, plan("alone", long)),
        Load("export", BESIDE, "posts/s", clients.post, plan("beside", long)),
        Load("export", EXPORT, "lines/s", clients.export, plan("export", long), size=1),
        *ready.floors,
    ]
    return [load for load in all_of_them if load.part in options.only]


def run(chosen: Sequence[Load], options: argparse.Namespace, tell: Callable[[str], None]) -> Rounds:
    """One after the other in turns; then the hot wallet with and without its export, for longer: it takes a while."""
    seconds = options.seconds / options.rounds
    times = {"rounds": options.rounds, "warm_up": options.warm_up, "seconds": seconds, "tell": tell}
    requests = [load for load in chosen if load.part != "export"]
    found = _with_crews(requests, [[load.name] for load in requests], options, times)
    export = [load for load in chosen if load.part == "export"]
    if export:
        times |= {"rounds": 2 * options.rounds, "seconds": 2 * seconds}
        found |= _with_crews(export, [[ALONE], [BESIDE, EXPORT]], options, times)
    return found


def _with_crews(
    chosen: Sequence[Load], stretches: Sequence[Sequence[str]], options: argparse.Namespace, times: dict[str, Any]
) -> Rounds:
    sizes = {load.name: load.size if load.floor or load.name == EXPORT else options.clients for load in chosen}
    crews = {load.name: Crew(load.work, load.plan, size=sizes[load.name]) for load in chosen}
    try:
        return in_turns(crews, stretches, **times)
    finally:
        for crew in crews.values():
            crew.dismiss()


def figures(chosen: Sequence[Load], found: Rounds) -> list[Figure]:
    return [
        Figure(load.name, load.unit, found[load.name], found.get(floor_of(load.name)))
        for load in chosen
        if not load.floor
    ]


# Of posts to many wallets by 8 clients, with everything on 2 cores.
PER_SECOND, P99_MS = 1_000, 25


def goals(found: Rounds) -> list[Goal]:
    """What is wanted in absolute figures, where it was measured: of the round that the machine disturbed least."""
    rounds = found.get(f"posts, {MANY}", [])
    if not rounds:
        return []
    best = max(rounds, key=lambda measured: measured.rate)
    name = f"posts, {MANY}, best round"
    return [
        Goal(f"{name}: a second", best.rate, f"≥ {PER_SECOND:,}", best.rate >= PER_SECOND),
        Goal(f"{name}: p99 in ms", best.percentile(0.99), f"< {P99_MS}", best.percentile(0.99) < P99_MS),
    ]


def ratios(found: Rounds) -> list[Ratio]:
    """Those of which both sides were measured."""
    return [
        Ratio(name, found[above], found[below], target)
        for name, above, below, target in RATIOS
        if above in found and below in found
    ]
