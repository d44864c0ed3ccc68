"""How fast usage is recorded inside one process, without HTTP: single posts, batches, and where the time goes.

    .venv/bin/python benchmarks/post_kernel.py [--posts 2000] [--batches 20] [--threads 1] [--profile]

It makes a workspace of its own in the configured database (a scratch one, please) and leaves its rows there.
"""

import argparse
import cProfile
import os
import pstats
import secrets
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django

django.setup()

from django.db import connections

from accounts.models import ApiKey, Workspace
from billing.credits.units import NANO
from billing.ledger.services import credits_grant
from billing.metering.events import Source
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.validate import parse_batch, parse_event
from billing.pricing.models import CatalogModel
from billing.pricing.testing import import_demo_prices

BATCH = 1_000


def raw_event(event_id: str) -> dict[str, object]:
    return {
        "event_id": event_id,
        "model": "openai/gpt-4o-mini",
        "usage": {"input_tokens": 1200, "output_tokens": 300},
        "agent": "support-bot",
        "app": "web",
        "task": "chat",
        "end_user": "u_123",
    }


def shop() -> Workspace:
    if not CatalogModel.objects.filter(model="gpt-4o-mini").exists():
        import_demo_prices()
    workspace = Workspace.objects.create(name="Benchmark")
    credits_grant(workspace_id=workspace.pk, key="bench", amount=1_000_000 * NANO, label="Benchmark")
    return workspace


def source() -> Source:
    mark = secrets.token_hex(4)
    key = ApiKey.objects.create(kind="service", name="Benchmark", prefix=f"psk_{mark}", digest=mark)
    return Source("service", api_key_id=key.pk)


def singles(count: int, who: Source) -> float:
    workspace, run = shop(), secrets.token_hex(4)
    for index in range(20):
        usage_record(workspace_id=workspace.pk, source=who, event=parse_event(raw_event(f"{run}-warm-{index}")))
    started = time.perf_counter()
    for index in range(count):
        usage_record(workspace_id=workspace.pk, source=who, event=parse_event(raw_event(f"{run}-{index}")))
    return time.perf_counter() - started


def batches(count: int, who: Source) -> float:
    workspace, run = shop(), secrets.token_hex(4)
    bodies = [[raw_event(f"{run}-{batch}-{index}") for index in range(BATCH)] for batch in range(count)]
    started = time.perf_counter()
    for body in bodies:
        result = usage_record_batch(workspace_id=workspace.pk, source=who, events=parse_batch(body))
        assert result.accepted == BATCH, result
    return time.perf_counter() - started


def together(threads: int, work: Callable[[], float]) -> float:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    workers = [threading.Thread(target=run) for _ in range(threads)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - started


def profiled(work: Callable[[], float]) -> None:
    profile = cProfile.Profile()
    profile.runcall(work)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def report(name: str, count: int, work: Callable[[], float]) -> None:
    """Rate, time and this process's own processor time per item."""
    cpu = time.process_time()
    took = work()
    cpu = time.process_time() - cpu
    each, own = took / count * 1e6, cpu / count * 1e6
    print(f"{name:14} {count / took:8,.0f} /s  {each:7.1f} µs each, {own:6.1f} µs of it in Python")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posts", type=int, default=2_000)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    who = source()
    report("single posts", options.posts, lambda: singles(options.posts, who))
    report("batch events", options.batches * BATCH, lambda: batches(options.batches, who))
    if options.threads > 1:
        took = together(options.threads, lambda: singles(options.posts, who))
        print(f"{options.threads} threads      {options.threads * options.posts / took:8,.0f} posts/s")
    if options.profile:
        profiled(lambda: singles(options.posts, who))
        profiled(lambda: batches(options.batches, who))


if __name__ == "__main__":
    main()
