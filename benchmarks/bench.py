"""Posts, batches, holds and the proof of a balance over HTTP, beside floors on the same database and one another."""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

import floor
import scratch
from measures import HOT, MANY, PARTS, Load, Ready, figures, floor_of, goals, loads, ratios, run
from report import Figure, Goal, Ratio, show
from rich.console import Console

from benchmarks.readings import Read, show_reading

say = Console(stderr=True)
READING = "reading"  # only where it is asked for: ten million events take ten minutes to make


def main() -> int:
    options = _options()
    with scratch.database() as url:
        os.environ |= {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "portal.settings"}
        os.environ.setdefault("PURSER_HOME", str(scratch.ROOT / "var" / "bench"))
        (Path(os.environ["PURSER_HOME"]) / "static").mkdir(parents=True, exist_ok=True)  # the web server looks for it
        rates, quotients, wanted = _measure(url, options) if options.only != [READING] else ([], [], [])
        reads = _read(options) if READING in options.only else []
    if options.json:
        found = {"figures": rates, "ratios": quotients, "goals": wanted, "reading": reads}
        print(json.dumps({name: [each.as_dict() for each in several] for name, several in found.items()}, indent=2))
    else:
        if rates:
            show(rates, quotients, wanted, say)
        show_reading(reads)
    return 1 if any(rate.as_dict()["failures"] for rate in rates) else 0


def _measure(url: str, options: argparse.Namespace) -> tuple[list[Figure], list[Ratio], list[Goal]]:
    ready = _prepare(url, options)
    with scratch.web(url, workers=options.workers, threads=options.threads) as ready.port:
        chosen = loads(ready, options)
        found = run(chosen, options, say.print)
    return figures(chosen, found), ratios(found), goals(found)


def _read(options: argparse.Namespace) -> list[Read]:
    import django

    django.setup()
    from benchmarks.reading import measure

    return measure(
        few=options.few,
        many=options.many,
        agents=options.agents,
        days=options.days,
        rounds=options.reads,
        tell=say.print,
    )


def _prepare(url: str, options: argparse.Namespace) -> Ready:
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection
    from history import long_history
    from prepare import first_lots, prepare

    settings.ALLOWED_HOSTS = ["testserver"]
    say.print(f"Preparing {2 * options.workspaces} workspaces …")
    made = prepare(workspaces=options.workspaces)
    ready = Ready(made.key, tuple(public for _, public in made.workspaces))
    recording = floor.record(key=made.key, workspace=made.floor[0], warm=made.floor[1])
    say.print(f"One post sends {recording.describe()}.")
    statement, text = floor.record_copy(key=made.key, workspace=made.floor[2], size=options.batch_size)
    lots = first_lots([pk for pk, _ in made.floor[3:] or made.floor])
    first = dict(list(lots.items())[:1])
    copy = floor.CopyPlan(url, statement, text, options.batch_size, floor.EVENT_ID, "floor-copy")
    ready.floors = [
        _floor("posts", f"posts, {MANY}", floor.poster, floor.FloorPlan(url, recording, lots, "floor-many")),
        _floor("posts", f"posts, {HOT}", floor.poster, floor.FloorPlan(url, recording, first, "floor-hot")),
        _floor("batches", "batches", floor.copier, copy),
    ]
    if "export" in options.only:
        say.print(f"Preparing a history of {options.history:,} transfers …")
        ready.long = long_history(transfers=options.history)
    connection.close()
    return ready


def _floor(part: str, name: str, work: Callable[..., None], plan: object) -> Load:
    return Load(part, floor_of(name), "", work, plan, floor=True)


def _options() -> argparse.Namespace:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=(*PARTS, READING), default=PARTS, help="parts of it (default: all but reading)"
    )
    parser.add_argument("--seconds", type=float, default=18.0, help="per figure, in all (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=6, help="turns in which they are (default: %(default)s)")
    parser.add_argument("--warm-up", type=float, default=1.0, help="before each turn (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workspaces", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=1000)
    parser.add_argument("--history", type=int, default=200_000, help="transfers to export (default: %(default)s)")
    parser.add_argument("--few", type=int, default=10_000, help="events to read among (default: %(default)s)")
    parser.add_argument("--many", type=int, default=10_000_000, help="… and to compare with (default: %(default)s)")
    parser.add_argument("--agents", type=int, default=1_000_000, help="… each of its own agent (default: %(default)s)")
    parser.add_argument(
        "--days", type=int, default=400, help="over which all of them are spread (default: %(default)s)"
    )
    parser.add_argument("--reads", type=int, default=20, help="turns of every request (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=min(cores, 8), help="web processes (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=4, help="threads per web process (default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if "holds" in options.only:  # they are compared with posts
        options.only = sorted({*options.only, "posts"})
    return options
