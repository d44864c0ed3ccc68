"""Several prepared statements in one round trip, with little more than libpq in between.

psycopg's own pipeline mode talks to the server once per statement and costs six times the processor time; with every
request in it that is most of the work there is. Values are still dumped and loaded by psycopg's adapters, and
prepared statements are kept in the connection's own register, so that they stay right when psycopg discards them.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import psycopg
from psycopg import errors, generators
from psycopg._preparing import Prepare
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus

Statement = tuple[str, Sequence[Any]]
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Query:
    """A statement with its values as the server gets them. The first two are what psycopg's register knows it by."""

    query: bytes
    types: tuple[int, ...]
    values: Sequence[Any]
    formats: Sequence[Any]


@dataclass(slots=True)
class _Sent:
    """One statement on its way."""

    registered: tuple[Any, Any, bytes] | None  # how to tell the register what came of it
    new: bool  # its PREPARE was sent with it
    rows: Rows


def run(raw: psycopg.Connection[Any], statements: Sequence[Statement]) -> list[Rows]:
    """Execute in order; the rows of each. The first error is raised, and then nothing after it was executed."""
    queries = [_query(raw, sql, params) for sql, params in statements]
    with raw.lock:
        return raw.wait(_round_trip(raw, queries))


def has_failed(raw: psycopg.Connection[Any]) -> bool:
    """Whether a statement of the open transaction failed."""
    return raw.pgconn.transaction_status == TransactionStatus.INERROR


def roll_back(raw: psycopg.Connection[Any]) -> None:
    """End the open transaction, if there is one, as if nothing had been done in it.

    psycopg's own way forgets every prepared statement of the connection: they may name what was created in it, or be
    what failed. Books create nothing, and a refusal must not make those after it several times as dear.
    """
    if raw.pgconn.transaction_status == TransactionStatus.IDLE:
        return
    with raw.lock:
        raw.pgconn.send_query(b"ROLLBACK")
        result = raw.wait(generators.execute(raw.pgconn))[-1]
    if result.status != ExecStatus.COMMAND_OK:
        raise errors.error_from_result(result, encoding=raw.info.encoding)


def _query(raw: psycopg.Connection[Any], sql: str, params: Sequence[Any]) -> _Query:
    text, formats = _numbered(sql)
    transformer = Transformer(raw)
    values = transformer.dump_sequence(params, formats)
    return _Query(text, transformer.types or (), values, transformer.formats or ())


def _round_trip(raw: psycopg.Connection[Any], queries: Sequence[_Query]) -> PQGen[list[Rows]]:
    pgconn = raw.pgconn
    pgconn.enter_pipeline_mode()
    try:
        sent = [_send(raw, query) for query in queries]
        pgconn.pipeline_sync()
        yield from generators.send(pgconn)
        failed = yield from _receive(raw, sent)
    finally:
        if pgconn.status != ConnStatus.BAD:
            pgconn.exit_pipeline_mode()
    if failed is not None:
        raise errors.error_from_result(failed, encoding=raw.info.encoding)
    return [each.rows for each in sent]


def _send(raw: psycopg.Connection[Any], query: _Query) -> _Sent:
    pgconn, register = raw.pgconn, raw._prepared
    prepare, name = register.get(cast(Any, query), True)
    if prepare is Prepare.NO:  # switched off for this connection (prepare_threshold)
        pgconn.send_query_params(query.query, query.values, param_types=query.types, param_formats=query.formats)
        return _Sent(None, False, [])
    if prepare is Prepare.SHOULD:
        pgconn.send_prepare(name, query.query, param_types=query.types)
    pgconn.send_query_prepared(name, query.values, param_formats=query.formats)
    key = register.maybe_add_to_cache(cast(Any, query), prepare, name)
    return _Sent((key, prepare, name) if key is not None else None, prepare is Prepare.SHOULD, [])


def _receive(raw: psycopg.Connection[Any], sent: Sequence[_Sent]) -> Generator[Any, Any, Any]:
    """Read everything up to the end of the round trip; the first failed result, or None."""
    pgconn, failed = raw.pgconn, None
    for each in sent:
        results = prepared = yield from generators.fetch_many(pgconn)
        if each.new and prepared[0].status == ExecStatus.COMMAND_OK:
            results = yield from generators.fetch_many(pgconn)
        elif each.new:  # the statement itself was skipped: the failure is what there is to tell
            yield from generators.fetch_many(pgconn)
        if each.registered is not None:  # what was prepared stays so when it then failed
            raw._prepared.validate(*each.registered, prepared)
        (result,) = results
        if result.status == ExecStatus.TUPLES_OK and result.ntuples:  # loaders cost as much for no rows as for one
            transformer = Transformer(raw)
            transformer.set_pgresult(result)
            each.rows = transformer.load_rows(0, result.ntuples, tuple)
        elif result.status == ExecStatus.FATAL_ERROR and failed is None:
            failed = result
    yield from generators.fetch_many(pgconn)  # the end of the round trip
    return failed


@lru_cache(maxsize=256)
def _numbered(sql: str) -> tuple[bytes, list[PyFormat]]:
    """`sql` with $1, $2, … for its %s, and as many formats."""
    parts = sql.split("%s")
    text = parts[0] + "".join(f"${number}{part}" for number, part in enumerate(parts[1:], start=1))
    return text.replace("%%", "%").encode(), [PyFormat.AUTO] * (len(parts) - 1)
