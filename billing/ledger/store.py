"""The ledger's SQL for what a book reads; `write` has what it writes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from billing.ledger.burn import Take
from billing.ledger.chain import GENESIS
from billing.ledger.records import HoldState, LotState
from billing.ledger.roundtrip import Statement

# The same order as billing.ledger.burn.burn_key and the index lot_burn_order.
BURN_ORDER = """workspace_id, priority, expires_at,
    (CASE WHEN source = 'plan' THEN 0 WHEN source = 'promotion' THEN 1 ELSE 2 END), effective_at, id"""
LOT_COLUMNS = "id, source, amount, remaining, held, priority, effective_at, expires_at, scheduled"
# A spend needs the first lots only; wallets with more open lots than this read the rest when they must.
FIRST_LOTS = 12

WALLET_COLUMNS = (
    "available",
    "held",
    "debt",
    "overdraft_held",
    "overdraft_limit",
    "open_holds",
    "seq",
    "digest",
    "last_at",
    "next_due_at",
    "low_bound",
    "granted_any",
    "stopped_at",
    "debt_since",
)

# Outside the subquery, so that the time is read when the lock is held and not before waiting for it.
_LOCK = f"""
SELECT locked.*, nextval('ledger_operation_id_seq'), clock_timestamp()
FROM (
    SELECT {", ".join(WALLET_COLUMNS)}, budget_revision, topup_bound, alert_bound
    FROM ledger_wallet WHERE workspace_id = %s FOR NO KEY UPDATE
) locked
"""  # noqa: S608

LOCKED = len(WALLET_COLUMNS) + 5  # columns of it

# The same for a book that will be left: an id for the one who resumes it, and what will be the version of the row.
_LOCK_TO_LEAVE = _LOCK.replace(
    "clock_timestamp()", "clock_timestamp(), nextval('ledger_operation_id_seq'), pg_current_xact_id()::xid::text"
)

# Raises what `session` knows as MovedOn. Whoever has the lock may change the row: there is nothing to wait for. Nobody
# held the time against this clock before.
_LOCK_AS_LEFT = """
SELECT ledger_as_left(EXISTS (
    SELECT FROM ledger_wallet WHERE workspace_id = %s AND xmin = %s::xid AND digest = %s
        AND clock_timestamp() - %s::timestamptz BETWEEN '-1 minute' AND '1 minute'
    FOR NO KEY UPDATE SKIP LOCKED
))
"""

_FIRST_LOTS = f"""
SELECT {LOT_COLUMNS} FROM ledger_lot WHERE workspace_id = %s AND open AND NOT scheduled
ORDER BY {BURN_ORDER} LIMIT {FIRST_LOTS}
"""  # noqa: S608

# The same, and until when a hold is open of which all the rest is known. It is that one by its stamp, too.
_FIRST_LOTS_AND_HOLD = f"""
SELECT {LOT_COLUMNS}, (
    SELECT open_until FROM ledger_hold
    WHERE operation_id = %s::bigint AND workspace_id = %s AND created_at = %s::timestamptz
)
FROM ledger_lot WHERE workspace_id = %s AND open AND NOT scheduled
ORDER BY {BURN_ORDER} LIMIT {FIRST_LOTS}
"""  # noqa: S608

_ALL_LOTS = f"SELECT {LOT_COLUMNS} FROM ledger_lot WHERE workspace_id = %s AND open"  # noqa: S608
_SOME_LOTS = f"SELECT {LOT_COLUMNS} FROM ledger_lot WHERE workspace_id = %s AND id = ANY(%s::bigint[])"  # noqa: S608

_HOLD = """
SELECT h.operation_id, h.origin, h.amount, h.overdraft, h.created_at, h.open_until, coalesce(r.kind, ''),
    p.lots, p.amounts
FROM ledger_hold h
LEFT JOIN ledger_holdresolution r ON r.hold_id = h.operation_id
LEFT JOIN LATERAL (
    SELECT array_agg(k.lot_id ORDER BY k.position) AS lots, array_agg(k.amount ORDER BY k.position) AS amounts
    FROM ledger_transfer t JOIN ledger_lottake k ON k.transfer_id = t.id
    WHERE t.operation_id = h.operation_id AND t.kind = 'hold.place'
) p ON true
WHERE h.workspace_id = %s"""
_HOLDS = f"{_HOLD} AND h.operation_id = ANY(%s::bigint[])"
_ONE_HOLD = f"{_HOLD} AND h.operation_id = %s::bigint"  # for a list PostgreSQL plans anew each time; that costs more
# A wallet may have thousands of open holds: what is due is read, and when the next of the others is.
_DUE_HOLDS = f"{_HOLD} AND h.open_until <= %s::timestamptz"
_FIRST_DUE_HOLDS = f"{_DUE_HOLDS} ORDER BY h.open_until, h.operation_id LIMIT %s::int"
_NEXT_EXPIRY = """
SELECT min(open_until) FROM ledger_hold
WHERE workspace_id = %s AND open_until > %s::timestamptz AND operation_id <> ALL(%s::bigint[])
"""

# Transfers with their takes, and what reversals have taken back already, in all and per take.
_OUTFLOW = """
SELECT t.id, t.seq, t.kind, t.debit, t.credit, t.amount, (
        SELECT coalesce(sum(reversal.amount), 0) FROM ledger_transfer reversal
        WHERE reversal.workspace_id = t.workspace_id AND reversal.reverses_id = t.id
    )::bigint, k.lots, k.amounts, k.returned
FROM ledger_transfer t
LEFT JOIN LATERAL (
    SELECT array_agg(taken.lot_id ORDER BY taken.position) AS lots,
        array_agg(taken.amount ORDER BY taken.position) AS amounts,
        array_agg((
            SELECT coalesce(-sum(back.amount), 0) FROM ledger_transfer reversal
            JOIN ledger_lottake back ON back.transfer_id = reversal.id
            WHERE reversal.workspace_id = t.workspace_id AND reversal.reverses_id = t.id
                AND back.lot_id = taken.lot_id AND back.amount < 0
        )::bigint ORDER BY taken.position) AS returned
    FROM ledger_lottake taken WHERE taken.transfer_id = t.id
) k ON true
WHERE t.workspace_id = %s"""
_OPERATION_OUTFLOW = f"{_OUTFLOW} AND t.operation_id = %s ORDER BY t.seq"
_REPAYMENTS = f"{_OUTFLOW} AND t.kind = 'debt.repay' AND t.seq < %s ORDER BY t.seq DESC LIMIT 50"

_BROUGHT = f"""
SELECT {", ".join(f"l.{column}" for column in LOT_COLUMNS.split(", "))}, t.id, t.seq, t.operation_id, t.debit,
    (SELECT coalesce(sum(r.amount - (SELECT coalesce(sum(again.amount), 0) FROM ledger_transfer again
        WHERE again.workspace_id = r.workspace_id AND again.reverses_id = r.id)), 0)::bigint
    FROM ledger_transfer r WHERE r.workspace_id = t.workspace_id AND r.reverses_id = t.id)
FROM ledger_lot l JOIN ledger_transfer t ON t.workspace_id = l.workspace_id AND t.seq = l.seq
WHERE l.workspace_id = %s AND l.id = %s
"""  # noqa: S608

_EXTENSIONS = "SELECT into_id FROM ledger_lotextension WHERE lot_id = %s ORDER BY into_id"
_EXTENDED = """
INSERT INTO ledger_lotextension (into_id, lot_id, operation_id, amount, created_at) VALUES (%s, %s, %s, %s, %s)
"""

_CREATE = """
INSERT INTO ledger_wallet (workspace_id, available, held, debt, overdraft_held, overdraft_limit, seq, digest,
    low_bound, granted_any)
VALUES (%s, 0, 0, 0, 0, 0, 0, %s, 0, false) ON CONFLICT DO NOTHING
"""

WRITE_WALLET = f"""
UPDATE ledger_wallet SET {", ".join(f"{column} = %s" for column in WALLET_COLUMNS)} WHERE workspace_id = %s
"""  # noqa: S608

_BUDGETS_CHANGED = "UPDATE ledger_wallet SET budget_revision = budget_revision + 1 WHERE workspace_id = %s"

_SET_TOPUP_BOUND = "UPDATE ledger_wallet SET topup_bound = %s WHERE workspace_id = %s"

SET_ALERT_BOUNDS = """
UPDATE ledger_wallet w SET alert_bound = given.bound
FROM (
    SELECT asked.bound, locked.workspace_id
    FROM unnest(%s::bigint[], %s::bigint[]) asked(id, bound) JOIN ledger_wallet locked ON locked.workspace_id = asked.id
    ORDER BY locked.workspace_id FOR NO KEY UPDATE OF locked
) given
WHERE w.workspace_id = given.workspace_id
RETURNING w.workspace_id, coalesce(w.available + w.held - w.debt < w.alert_bound, false)
"""

_FIND = "SELECT request_hash, result FROM ledger_operation WHERE workspace_id = %s AND namespace = %s AND key = %s"

_OPERATION_IDS = "SELECT nextval('ledger_operation_id_seq') FROM generate_series(1, %s::int)"
_NEXT_LOT = "SELECT nextval('ledger_lot_id_seq')"
_LOT_IDS = "SELECT nextval('ledger_lot_id_seq') FROM generate_series(1, %s::int)"

# What is there now and what left since; what lapsed as of an instant before had gone by then, whenever it was posted.
# Stamps never go backwards, so the first entry since then is found by halving: there is no index for it.
_LEFT_AT = """
WITH RECURSIVE asked(owner, instant) AS (SELECT %s::bigint, %s::timestamptz), halving(lowest, highest) AS (
    SELECT 0::bigint, seq FROM asked, ledger_wallet WHERE workspace_id = owner
    UNION ALL
    SELECT CASE WHEN created_at >= instant THEN lowest ELSE middle END,
        CASE WHEN created_at >= instant THEN middle - 1 ELSE highest END
    FROM asked, halving, LATERAL (SELECT (lowest + highest + 1) / 2) half(middle), LATERAL (
        SELECT created_at FROM ledger_transfer WHERE workspace_id = owner AND seq = middle
    ) looked
    WHERE lowest < highest
), gone(lot, amount) AS (
    SELECT k.lot_id, sum(k.amount)
    FROM asked, halving, ledger_transfer t JOIN ledger_lottake k ON k.transfer_id = t.id
    WHERE lowest = highest AND t.workspace_id = owner AND t.seq > lowest
        AND NOT (t.debit IN ('available', 'held') AND t.credit IN ('available', 'held'))
        AND NOT (t.kind = 'lot.expire' AND t.occurred_at < instant)
    GROUP BY k.lot_id
)
SELECT id, (remaining + coalesce(gone.amount, 0))::bigint
FROM asked, ledger_lot LEFT JOIN gone ON gone.lot = id
WHERE workspace_id = owner AND source = %s AND effective_at >= %s::timestamptz AND effective_at < instant
    AND (expires_at IS NULL OR expires_at > instant)
    AND NOT EXISTS (SELECT 1 FROM ledger_lotextension WHERE into_id = ledger_lot.id)
ORDER BY effective_at, id
"""


def lock(workspace_id: int) -> Statement:
    return _LOCK, (str(workspace_id),)


def lock_to_leave(workspace_id: int) -> Statement:
    """`lock`, and with it the id of a further operation and the version that the wallet's row then has."""
    return _LOCK_TO_LEAVE, (str(workspace_id),)


def lock_as_left(workspace_id: int, version: str, digest: bytes, now: datetime) -> Statement:
    """Lock the wallet; fails unless it is that version with that head of the chain (a version is a number that another
    timeline of the database may have, too), and `now` the present; and at once where somebody else has the lock.
    """
    return _LOCK_AS_LEFT, (str(workspace_id), version, digest, now.isoformat())


def all_hold(given: Sequence[Statement], absent: Sequence[Statement]) -> Statement:
    """Fails unless each of `given` returns a row and none of `absent` does."""
    return _all_hold(tuple(sql for sql, _ in given), tuple(sql for sql, _ in absent)), [
        value for _, values in (*given, *absent) for value in values
    ]


@lru_cache(maxsize=64)
def _all_hold(given: tuple[str, ...], absent: tuple[str, ...]) -> str:
    conditions = ["true", *(f"EXISTS ({sql})" for sql in given), *(f"NOT EXISTS ({sql})" for sql in absent)]
    return f"SELECT ledger_as_left({' AND '.join(conditions)})"


def first_lots(workspace_id: int) -> Statement:
    return _FIRST_LOTS, (str(workspace_id),)


def first_lots_and_hold(workspace_id: int, hold: HoldState) -> Statement:
    """The first lots, and with each until when this hold is open; None: it is not, or is another one."""
    whose = str(workspace_id)
    return _FIRST_LOTS_AND_HOLD, (str(hold.id), whose, hold.created_at.isoformat(), whose)


def all_lots(workspace_id: int) -> Statement:
    return _ALL_LOTS, (str(workspace_id),)


def some_lots(workspace_id: int, ids: Sequence[int]) -> Statement:
    return _SOME_LOTS, (str(workspace_id), [str(each) for each in ids])


def operation_outflow(workspace_id: int, operation_id: int) -> Statement:
    return _OPERATION_OUTFLOW, (str(workspace_id), str(operation_id))


def repayments(workspace_id: int, before_seq: int) -> Statement:
    """The latest repayments of debt before a sequence number, latest first, 50 at a time."""
    return _REPAYMENTS, (str(workspace_id), str(before_seq))


def brought(workspace_id: int, lot_id: int) -> Statement:
    """A lot with the transfer that brought it in, and what was taken back of that so far."""
    return _BROUGHT, (str(workspace_id), str(lot_id))


def create(workspace_id: int) -> Statement:
    return _CREATE, (str(workspace_id), GENESIS)


def budgets_changed(workspace_id: int) -> Statement:
    return _BUDGETS_CHANGED, (str(workspace_id),)


def topup_bound(workspace_id: int, bound: int) -> Statement:
    return _SET_TOPUP_BOUND, (str(bound), str(workspace_id))


def find(workspace_id: int, namespace: str, key: str) -> Statement:
    return _FIND, (str(workspace_id), namespace, key)


def holds(workspace_id: int, ids: Sequence[int]) -> Statement:
    """Holds by id, resolved ones too."""
    if len(ids) == 1:
        return _ONE_HOLD, (str(workspace_id), str(ids[0]))
    return _HOLDS, (str(workspace_id), [str(each) for each in ids])


def due_holds(workspace_id: int, now: datetime, most: int | None = None) -> Statement:
    """Open holds whose time is over; with `most`, the first so many of them, in the order of their instants."""
    if most is not None:
        return _FIRST_DUE_HOLDS, (str(workspace_id), now.isoformat(), str(most))
    return _DUE_HOLDS, (str(workspace_id), now.isoformat())


def next_expiry(workspace_id: int, now: datetime, known: Iterable[int]) -> Statement:
    """When the first of the other open holds expires, those `known` left out."""
    return _NEXT_EXPIRY, (str(workspace_id), now.isoformat(), [str(each) for each in known])


def extensions_of(lot_id: int) -> Statement:
    """The lots that this one was extended in."""
    return _EXTENSIONS, (str(lot_id),)


def extended(lot_id: int, *, into: int, operation_id: int, amount: int, at: datetime) -> Statement:
    """Write down that a lot goes on in another one."""
    return _EXTENDED, (str(into), str(lot_id), str(operation_id), str(amount), at.isoformat())


def operation_ids(count: int) -> Statement:
    """As many new ids."""
    return _OPERATION_IDS, (str(count),)


NEXT_LOT: Statement = (_NEXT_LOT, ())


def lot_ids(count: int) -> Statement:
    """As many new ids."""
    return _LOT_IDS, (str(count),)


def left_at(workspace_id: int, source: str, since: datetime, at: datetime) -> Statement:
    """What lots of a source that started in [since, at) had at `at` (id, amount), the oldest first."""
    return _LEFT_AT, (str(workspace_id), at.isoformat(), source, since.isoformat())


def lot_state(row: Sequence[Any]) -> LotState:
    return LotState(*row)


def hold_state(row: Sequence[Any]) -> HoldState:
    *fields, lots, amounts = row
    fields.append([Take(*pin) for pin in zip(lots or (), amounts or (), strict=True)])
    return HoldState(*fields)


def as_text(value: Any) -> Any:
    # psycopg types an integer by its size and a missing time by none at all; as text, every call has the same types
    # and so the same prepared statement.
    kind = type(value)
    if kind is int:
        return str(value)
    return value.isoformat() if kind is datetime else value
