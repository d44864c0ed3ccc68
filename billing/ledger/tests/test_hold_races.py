"""Real threads and real processes on one hot wallet: never above the balance, never twice, no deadlock."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Barrier
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
from django.db import DatabaseError, connection

from billing.ledger import store
from billing.ledger.book import open_book
from billing.ledger.correction_services import lot_refund
from billing.ledger.errors import HoldResolved, InsufficientCredits, NotReversible
from billing.ledger.hold_services import hold_extend, hold_release
from billing.ledger.jobs import expire_lots
from billing.ledger.models import Hold, HoldResolution, Lot, Transfer, Wallet
from billing.ledger.selectors import balance, hold, holds, lots
from billing.ledger.services import overdraft_set
from billing.ledger.tests.helpers import NOON, assert_clean, grant, place, settle, spend
from billing.ledger.tests.racer import GATE
from portal.home import BASE_DIR

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
T = TypeVar("T")


def together(work: Callable[[int], T]) -> list[T]:
    """`work(n)` in every thread at the same moment; what each returned. Whoever waits too long for a lock fails."""
    barrier = Barrier(THREADS)

    def run(number: int) -> T:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = '20s'")
            barrier.wait(timeout=30)
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def placed(ws: int, amount: int, *, now: datetime = NOON, seconds: int = 900) -> int:
    """1 when a hold could be placed, else 0."""
    try:
        place(ws, amount, now=now, seconds=seconds)
    except InsufficientCredits:
        return 0
    return 1


def resolved(resolve: Callable[[], object]) -> str:
    """ "" when this call resolved the hold, else how it was resolved before."""
    try:
        resolve()
    except HoldResolved as refused:
        return refused.resolution
    return ""


def authorise_against_authorise(ws: int) -> None:
    """100 credits and 20 of overdraft carry 17 holds of 7."""
    grant(ws, 60, now=NOON)
    grant(ws, 40, now=NOON)
    with open_book(ws, now=NOON) as book:
        book.set_overdraft_limit(20)
    assert sum(together(lambda _: sum(placed(ws, 7) for _ in range(5)))) == 17
    now = balance(ws, NOON)
    assert (now.available, now.held, now.overdraft_held, now.headroom) == (0, 100, 19, 1)
    assert len(holds(ws, NOON)) == Hold.objects.count() == 17
    assert_clean(ws)


def test_authorise_against_authorise_stays_within_balance_and_overdraft(ws: int) -> None:
    authorise_against_authorise(ws)


def test_without_the_lock_these_tests_fail(ws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that they would notice."""
    assert "FOR NO KEY UPDATE" in store._LOCK
    monkeypatch.setattr(store, "_LOCK", store._LOCK.replace("FOR NO KEY UPDATE", ""))
    with pytest.raises((AssertionError, DatabaseError)):
        authorise_against_authorise(ws)


def test_of_eight_settlements_of_one_hold_one_is_charged(ws: int) -> None:
    grant(ws, 1_000, now=NOON)
    charged = 0
    for _ in range(8):
        pk = place(ws, 50, now=NOON)
        won = together(lambda number, pk=pk: resolved(lambda: settle(ws, pk, 46 + number)))  # type: ignore[misc]
        assert sorted(won) == ["", *["settle"] * 7]
        charged += 46 + won.index("")
    now = balance(ws, NOON)
    assert (now.available, now.held, now.debt) == (1_000 - charged, 0, 0)
    assert_clean(ws)


def test_settling_against_expiry_charges_the_hold_or_nothing(ws: int) -> None:
    grant(ws, 1_000, now=NOON)
    charged, now = 0, NOON
    for _ in range(12):
        pk = place(ws, 50, now=now, seconds=60)
        now += MINUTE

        def work(number: int, pk: int = pk, now: datetime = now) -> str | None:
            if number == 0:
                expire_lots(now=now, limit=10)
            elif number < 4:
                spend(ws, 1, now=now)
            if number < 4:
                return None
            return resolved(lambda: settle(ws, pk, 10, now=now - SECOND))

        won = together(work)[4:]
        row = hold(ws, pk, now)
        assert row is not None
        assert won.count("") == (row.status == "settled")
        assert set(won) == {"settled": {"", "settle"}, "expired": {"expire"}}[row.status]
        charged += 3 + 10 * won.count("")
        after = balance(ws, now)
        assert (after.available, after.held, after.debt) == (1_000 - charged, 0, 0)
    assert_clean(ws)


def test_releasing_against_the_reaper_gives_back_once(ws: int) -> None:
    """The hold's lot is over, too: what comes back is gone, but repays what is owed first."""
    now = NOON
    for _ in range(12):
        lot = grant(ws, 50, expires=now + MINUTE, now=now)
        pk = place(ws, 50, now=now, seconds=90)
        spend(ws, 5, now=now)
        now += 2 * MINUTE

        def work(number: int, pk: int = pk, now: datetime = now) -> str:
            if number % 2:
                expire_lots(now=now, limit=10)
                return ""
            at = now - 40 * SECOND
            return resolved(
                lambda: hold_release(workspace_id=ws, hold_id=pk, origin="service", key=f"{pk}:{number}", now=at)
            )

        together(work)
        assert HoldResolution.objects.filter(hold=pk).count() == 1
        after = balance(ws, now)
        assert (after.available, after.held, after.debt) == (0, 0, 0)
        gone = Transfer.objects.filter(kind="lot.expire", takes__lot=lot).values_list("amount", flat=True)
        assert sum(gone) == 45
    assert_clean(ws)


def test_reading_beside_the_expiry_of_a_hold_never_finds_it_held(ws: int) -> None:
    now = NOON
    grant(ws, 100, now=now)
    for _ in range(12):
        place(ws, 60, now=now, seconds=60)
        now += MINUTE

        def work(number: int, now: datetime = now) -> tuple[int, int, int, int]:
            if number == 0:
                expire_lots(now=now, limit=10)
            said = balance(ws, now)
            return said.available, said.held, sum(row.held for row in lots(ws, now)), len(holds(ws, now))

        assert together(work) == [(100, 0, 0, 0)] * THREADS
    assert_clean(ws)


def test_refunding_against_spending_takes_no_credit_twice(ws: int) -> None:
    lot = grant(ws, 400, source="bought", now=NOON)
    grant(ws, 100, now=NOON)

    def work(number: int) -> tuple[int, int]:
        if number % 2:
            return sum(9 for _ in range(12) if spend(ws, 9, now=NOON)), 0
        refunded = 0
        for step in range(12):
            terms = {"key": f"{number}:{step}", "reason": "Money back", "actor": "sam", "now": NOON}
            try:
                refunded += lot_refund(workspace_id=ws, lot_id=lot, amount=11, **terms).amount  # type: ignore[arg-type]
            except NotReversible:
                assert refunded > 0
        return 0, refunded

    spent, refunded = (sum(column) for column in zip(*together(work), strict=True))
    assert (spent, refunded) == (4 * 12 * 9, 36 * 11)  # a 37th refund of 11 would be more than the lot brought in
    now = balance(ws, NOON)
    assert now.available - now.debt == 500 - spent - refunded
    assert min(now.available, now.debt) == 0
    assert_clean(ws)


def test_everything_at_once_adds_up(ws: int) -> None:
    overdraft_set(workspace_id=ws, limit=200)
    begun = datetime.now(UTC)
    bought = grant(ws, 5_000, source="bought", now=begun)

    def work(number: int) -> Counter[str]:
        rng, did = Random(number), Counter[str]()
        for step in range(25):
            at = begun + timedelta(seconds=step)
            what = rng.choice(("grant", "spend", "hold", "settle", "release", "extend", "refund", "reap"))
            mine = Hold.objects.filter(workspace_id=ws, open_until__isnull=False).values_list("pk", flat=True)
            pk = rng.choice(list(mine) or [0])
            name = {"workspace_id": ws, "hold_id": pk, "origin": "service", "now": at}
            try:
                if what == "grant":
                    until = at + timedelta(seconds=rng.randrange(1, 9))
                    grant(ws, rng.randrange(1, 90), starts=at, expires=until, now=at)
                elif what == "spend":
                    spend(ws, rng.randrange(1, 120), now=at)
                elif what == "hold":
                    place(ws, rng.randrange(300), now=at, seconds=rng.randrange(1, 9))
                elif what == "refund":
                    terms = {"key": f"{number}:{step}", "reason": "Money back", "actor": "sam", "now": at}
                    lot_refund(workspace_id=ws, lot_id=bought, amount=rng.randrange(1, 60), **terms)  # type: ignore[arg-type]
                elif what == "reap":
                    expire_lots(now=at, limit=10)
                elif pk and what == "settle":
                    settle(ws, pk, rng.randrange(350), now=at)
                elif pk and what == "release":
                    hold_release(**name)  # type: ignore[arg-type]
                elif pk:
                    hold_extend(expires_in=timedelta(seconds=rng.randrange(1, 20)), **name)  # type: ignore[arg-type]
                did[what] += 1
            except (HoldResolved, InsufficientCredits, NotReversible) as refused:
                did[type(refused).__name__] += 1
        return did

    did = sum(together(work), Counter())
    assert did.keys() >= {"grant", "spend", "hold", "settle", "release", "refund", "reap"}
    assert_clean(ws)
    sums = Counter[str]()
    for debit, credit, amount in Transfer.objects.filter(workspace_id=ws).values_list("debit", "credit", "amount"):
        sums[debit] -= amount
        sums[credit] += amount
    assert sum(sums.values()) == 0
    wallet = Wallet.objects.get(pk=ws)
    assert (sums["available"], sums["held"], -sums["debt"]) == (wallet.available, wallet.held, wallet.debt)
    resolutions = HoldResolution.objects.filter(hold__workspace_id=ws).count()
    assert resolutions + Hold.objects.filter(open_until__isnull=False).count() == did["hold"]
    assert Lot.objects.filter(workspace_id=ws).count() == did["grant"] + 1


def environment() -> dict[str, str]:
    """For processes that work on the test database."""
    told = connection.settings_dict
    place = f"{quote(str(told['USER']), safe='')}:{quote(str(told['PASSWORD'] or ''), safe='')}"
    host = f"{quote(str(told['HOST']), safe='')}:{told['PORT'] or 5432}"
    return os.environ | {
        "DATABASE_URL": f"postgresql://{place}@{host}/{told['NAME']}",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }


def test_processes_on_one_wallet_never_hold_or_charge_more_than_there_is(ws: int) -> None:
    grant(ws, 400)
    racers = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [GATE])
        for seed in range(3):
            command = [sys.executable, "-m", "billing.ledger.tests.racer", str(ws), "80", str(seed)]
            racers.append(subprocess.Popen(command, cwd=BASE_DIR, env=environment(), stdout=subprocess.PIPE))
        until = time.monotonic() + 30
        while waiting(cursor) < len(racers):
            assert time.monotonic() < until
            time.sleep(0.02)
        cursor.execute("SELECT pg_advisory_unlock(%s)", [GATE])
    told = [racer.communicate(timeout=60)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    done = sum((Counter(json.loads(each)) for each in told), Counter[str]())
    now = balance(ws)
    assert now.held == 7 * (done["placed"] - done["resolved"]) == 7 * len(holds(ws))
    assert now.available - now.debt == 400 - done["charged"] - now.held
    assert HoldResolution.objects.count() == done["resolved"]
    assert done["late"] > 0  # they did meet
    assert_clean(ws)


def waiting(cursor: Any) -> int:
    cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return int(cursor.fetchone()[0])
