"""The floor: the statements of one post, recorded from the running code, sent in a loop by psycopg alone."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import psycopg
from clients import EVENT_ID, batch, event
from load import loop, own_order

from billing.foundation.timestamps import register
from billing.ledger import roundtrip  # knows psycopg, not Django: the sender of the floor is that of the post
from billing.ledger.store import WALLET_COLUMNS

FIRST_SEQ = 8_300_000_000
FIRST_OPERATION = 8_400_000_000
LOCK = "FOR NO KEY UPDATE"
SEQ, OPERATION = WALLET_COLUMNS.index("seq"), -2  # in the row that the lock gives

Statement = tuple[str, list[Any]]


@dataclass(frozen=True)
class Recording:
    """Round trips of one post, each with its statements, and the ids to replace in them."""

    trips: list[list[Statement]]
    workspace: int
    lot: int
    operation: int
    seq: int

    def describe(self) -> str:
        return f"{sum(map(len, self.trips))} statements in {len(self.trips)} round trips"


@dataclass(frozen=True)
class FloorPlan:
    url: str
    recording: Recording
    wallets: dict[int, int]  # workspace → its first lot
    run: str


def record(*, key: str, workspace: tuple[int, str], warm: tuple[int, str]) -> Recording:
    """Make one post through the application that is served, in this process, and keep what it sends to the database.

    One of many: the caches are warm, and the process has its slice of the key's rate limit.
    """
    from django.db import connection

    for number in range(200):  # more in a second than are counted one by one
        _post(key, warm[1], f"floor-warm-{number}")
    _post(key, workspace[1], "floor-series")  # the workspace's own series, made once in its life
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_wallet SET seq = %s WHERE workspace_id = %s", [FIRST_SEQ, workspace[0]])
        cursor.execute("SELECT setval('ledger_operation_id_seq', %s)", [FIRST_OPERATION])
        cursor.execute("SELECT min(id) FROM ledger_lot WHERE workspace_id = %s", [workspace[0]])
        (lot,) = cursor.fetchone()
    with _kept() as trips:
        _post(key, workspace[1], EVENT_ID)
    if not any(LOCK in query for trip in trips for query, _ in trip):
        raise SystemExit("bench: the recorded post did not lock a wallet: something is sent past this recorder")
    return Recording(trips, workspace[0], lot, FIRST_OPERATION + 1, FIRST_SEQ + 1)


def _post(key: str, workspace: str, event_id: str) -> None:
    from django.test import RequestFactory

    from portal.wsgi import application

    headers = {"Authorization": f"Bearer {key}", "Purser-Workspace": workspace}
    request = RequestFactory().post("/api/v1/usage", event(event_id), content_type="application/json", headers=headers)
    told: list[str] = []
    content = b"".join(application(request.environ, lambda status, _: told.append(status)))
    if not told[0].startswith("201"):
        raise SystemExit(f"bench: the recorded post was refused: {content.decode()}")


@contextmanager
def _kept() -> Iterator[list[list[Statement]]]:
    """Everything that is sent to the database, in round trips."""
    trips: list[list[Statement]] = []
    execute, run = psycopg.Cursor.execute, roundtrip.run

    def kept_execute(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
        trips.append([(query, list(params) if params else [])])
        return execute(cursor, query, params, **options)

    def kept_run(raw: Any, statements: Sequence[Any]) -> Any:
        trips.append([(query, list(params)) for query, params in statements])
        return run(raw, statements)

    with mock.patch.object(psycopg.Cursor, "execute", kept_execute), mock.patch.object(roundtrip, "run", kept_run):
        yield trips


def poster(plan: FloorPlan, number: int, pipe: Any) -> None:
    """One process of the loop. It asks, locks, reads and writes exactly what a post does."""
    connection = psycopg.connect(plan.url, autocommit=True, prepare_threshold=1)
    register(connection)
    workspaces = own_order(plan.wallets, number)
    seqs: dict[int, int] = dict.fromkeys(workspaces, 0)
    count = 0
    recorded = plan.recording

    def step() -> tuple[int, str]:
        nonlocal count
        count += 1
        workspace = workspaces[count % len(workspaces)]
        replaced = {
            str(recorded.workspace): str(workspace),
            str(recorded.lot): str(plan.wallets[workspace]),
            EVENT_ID: f"{plan.run}-{number}-{count}",
        }
        for statements in recorded.trips:
            rows = _send(connection, statements, replaced)
            for row in rows:  # the wallet's row, locked: its seq and the operation's new id
                seqs[workspace] = int(row[SEQ]) + 1
                replaced[str(recorded.seq)] = str(seqs[workspace])
                replaced[str(recorded.operation)] = str(row[OPERATION])
        return 1, ""

    loop(pipe, step)


def _send(
    connection: psycopg.Connection[Any], statements: Sequence[Statement], replaced: dict[str, str]
) -> list[tuple[Any, ...]]:
    """One round trip. Returns the row of the locked wallet, if it is in this one."""
    filled = [(query, [_fill(param, replaced) for param in params]) for query, params in statements]
    answers = roundtrip.run(connection, filled)
    return [row for (query, _), rows in zip(statements, answers, strict=True) if LOCK in query for row in rows]


def _fill(param: Any, replaced: dict[str, str]) -> Any:
    if isinstance(param, str):
        for old, new in replaced.items():
            if old in param:
                param = param.replace(old, new)
        return param
    if isinstance(param, int) and str(param) in replaced:
        return int(replaced[str(param)])
    return param


@dataclass(frozen=True)
class CopyPlan:
    url: str
    statement: str
    text: str
    rows: int
    event_id: str
    run: str


def record_copy(*, key: str, workspace: tuple[int, str], size: int) -> tuple[str, str]:
    """The COPY statement and the rows of one batch of `size` events, as the API sends them."""
    from django.test import Client

    kept: list[tuple[str, str]] = []
    copy = psycopg.Cursor.copy

    @contextmanager
    def kept_copy(cursor: Any, statement: str, *args: Any) -> Iterator[Any]:
        with copy(cursor, statement, *args) as writer:
            write = writer.write
            writer.write = lambda data: (kept.append((statement, data)), write(data))[1]
            yield writer

    body = json.dumps({"events": batch(EVENT_ID, size)})
    headers = {"Authorization": f"Bearer {key}", "Purser-Workspace": workspace[1]}
    with mock.patch.object(psycopg.Cursor, "copy", kept_copy):
        answer = Client().post("/api/v1/usage/batch", body, content_type="application/json", headers=headers)
    if answer.status_code != 200 or not kept:
        raise SystemExit(f"bench: the recorded batch was refused: {answer.content.decode()[:500]}")
    return kept[0][0], "".join(data for _, data in kept)


def copier(plan: CopyPlan, number: int, pipe: Any) -> None:
    """One process that copies the rows of a batch again and again, under new event ids."""
    connection = psycopg.connect(plan.url, autocommit=True)
    count = 0

    def step() -> tuple[int, str]:
        nonlocal count
        count += 1
        text = plan.text.replace(plan.event_id, f"{plan.run}-{number}-{count}")
        with connection.cursor() as cursor, cursor.copy(plan.statement) as copy:
            copy.write(text)
        return plan.rows, ""

    loop(pipe, step)
