"""One process of a race: `python -m billing.ledger.tests.racer WORKSPACE ROUNDS SEED`.

Waits at the gate, then holds credits, and settles or releases whatever hold it meets, its own or another's; prints
what it did. A deadlock, or waiting for 20 seconds, ends it with an error.
"""

import json
import sys
from collections import Counter
from random import Random

import django
from django.db import connection

GATE = 7_205_759  # an advisory lock: who starts the race holds it

Done = Counter[str]


def main(ws: int, rounds: int, seed: int) -> Done:
    from billing.ledger.models import Hold

    rng, done = Random(seed), Done()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", [GATE])
        cursor.execute("SET statement_timeout = '20s'")
    for number in range(rounds):
        met = Hold.objects.filter(workspace_id=ws, open_until__isnull=False).order_by("pk").values_list("pk", flat=True)
        open_now = list(met)
        if open_now and rng.random() < 0.6:
            resolve(ws, rng.choice(open_now[:3]), f"{seed}:{number}", rng.randrange(12), done)
        else:
            place(ws, f"{seed}:{number}", done)
    return done


def place(ws: int, key: str, done: Done) -> None:
    from billing.ledger.book import open_book
    from billing.ledger.errors import InsufficientCredits
    from billing.ledger.holds import LONGEST
    from billing.ledger.records import OperationDraft

    operation = OperationDraft("race", key, bytes(32), "hold.place")
    try:
        with open_book(ws) as book:
            book.hold(operation=operation, amount=7, expires_at=book.now + LONGEST, origin="service")
    except InsufficientCredits:
        done["refused"] += 1
    else:
        done["placed"] += 1


def resolve(ws: int, hold: int, key: str, amount: int, done: Done) -> None:
    """Settle it at `amount`, or release it when that is 0."""
    from billing.ledger.book import open_book
    from billing.ledger.errors import HoldResolved
    from billing.ledger.records import OperationDraft

    operation = OperationDraft("race", key, bytes(32), "usage.spend" if amount else "hold.release")
    try:
        with open_book(ws, holds=[hold]) as book:
            state = book.hold_of(hold)
            assert state is not None
            if amount:
                book.settle(operation=operation, hold=state, amount=amount, occurred_at=book.now)
            else:
                book.release(operation=operation, hold=state)
    except HoldResolved:
        done["late"] += 1
    else:
        done["resolved"] += 1
        done["charged"] += amount


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(*map(int, sys.argv[1:]))))
