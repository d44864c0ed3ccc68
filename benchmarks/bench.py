"""Posts, batches and one hot wallet over HTTP, each beside its floor on the same database."""

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import floor
import scratch
from load import Measured, Plan, client, measure
from rich.console import Console
from rich.table import Table

say = Console(stderr=True)


@dataclass(frozen=True)
class Figure:
    name: str
    unit: str
    http: Measured
    floor: Measured

    @property
    def ratio(self) -> float:
        return self.http.rate / self.floor.rate if self.floor.rate else 0.0

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "per_second": round(self.http.rate, 1),
            "floor_per_second": round(self.floor.rate, 1),
            "ratio": round(self.ratio, 3),
            "p50_ms": round(self.http.percentile(0.5), 2),
            "p99_ms": round(self.http.percentile(0.99), 2),
            "floor_p50_ms": round(self.floor.percentile(0.5), 2),
            "floor_p99_ms": round(self.floor.percentile(0.99), 2),
            "failures": self.http.failures | self.floor.failures,
        }


def main() -> int:
    options = _options()
    with scratch.database() as url:
        os.environ |= {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "portal.settings"}
        os.environ.setdefault("PURSER_HOME", str(scratch.ROOT / "var" / "bench"))
        (Path(os.environ["PURSER_HOME"]) / "static").mkdir(parents=True, exist_ok=True)  # the web server looks for it
        figures = _measure(url, options)
    if options.json:
        print(json.dumps({"figures": [figure.as_dict() for figure in figures]}, indent=2))
    else:
        _print(figures)
    return 1 if any(figure.as_dict()["failures"] for figure in figures) else 0


def _measure(url: str, options: argparse.Namespace) -> list[Figure]:
    import django

    django.setup()
    from django.conf import settings
    from prepare import prepare

    settings.ALLOWED_HOSTS = ["testserver"]
    say.print(f"Preparing {2 * options.workspaces} workspaces …")
    ready = prepare(workspaces=options.workspaces)
    recording = floor.record(key=ready.key, workspace=ready.floor[0], warm=ready.floor[1])
    say.print(f"One post sends {recording.describe()}.")
    statement, text = floor.record_copy(key=ready.key, workspace=ready.floor[2], size=options.batch_size)
    lots = _first_lots([pk for pk, _ in ready.floor])
    everyone = tuple(public for _, public in ready.workspaces)

    def http(path: str, workspaces: tuple[str, ...], run: str, batch: int = 0) -> Measured:
        say.print(f"HTTP: {run} …")
        plan = Plan(port, path, ready.key, workspaces, batch, run)
        return measure(client, plan, clients=options.clients, warm_up=options.warm_up, seconds=options.seconds)

    def loop(work: Any, plan: Any) -> Measured:
        say.print(f"Floor: {plan.run} …")
        return measure(work, plan, clients=8, warm_up=options.warm_up, seconds=options.seconds)

    with scratch.web(url, workers=options.workers, threads=options.threads) as port:
        many = http("/api/v1/usage", everyone, "many wallets")
        hot = http("/api/v1/usage", everyone[:1], "hot wallet")
        batches = http("/api/v1/usage/batch", everyone, "batches", options.batch_size)
    usable = dict(list(lots.items())[3:]) or lots
    first = dict(list(usable.items())[:1])
    floors = [
        loop(floor.poster, floor.FloorPlan(url, recording, usable, "floor-many")),
        loop(floor.poster, floor.FloorPlan(url, recording, first, "floor-hot")),
        loop(floor.copier, floor.CopyPlan(url, statement, text, options.batch_size, floor.EVENT_ID, "floor-copy")),
    ]
    return [
        Figure("posts, many wallets", "posts/s", many, floors[0]),
        Figure("posts, one hot wallet", "posts/s", hot, floors[1]),
        Figure(f"batches of {options.batch_size}", "events/s", batches, floors[2]),
    ]


def _first_lots(workspaces: list[int]) -> dict[int, int]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT workspace_id, min(id) FROM ledger_lot WHERE workspace_id = ANY(%s) GROUP BY 1 ORDER BY 1",
            [workspaces],
        )
        found = dict(cursor.fetchall())
    connection.close()
    return found


def _print(figures: list[Figure]) -> None:
    table = Table("", "over HTTP", "p50", "p99", "floor", "p50", "p99", "ratio", title="Purser on this machine")
    for figure in figures:
        values = figure.as_dict()
        table.add_row(
            figure.name,
            f"{values['per_second']:,.0f} {figure.unit}",
            f"{values['p50_ms']:.1f} ms",
            f"{values['p99_ms']:.1f} ms",
            f"{values['floor_per_second']:,.0f} {figure.unit}",
            f"{values['floor_p50_ms']:.1f} ms",
            f"{values['floor_p99_ms']:.1f} ms",
            f"{values['ratio']:.2f}",
        )
    Console(width=120).print(table)
    for figure in figures:
        for name, count in figure.as_dict()["failures"].items():
            say.print(f"{figure.name}: {count} × {name}", style="red")


def _options() -> argparse.Namespace:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="measured per figure (default: %(default)s)")
    parser.add_argument("--warm-up", type=float, default=2.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workspaces", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=min(cores, 8), help="web processes (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=4, help="threads per web process (default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()
