"""Which tables and indexes need something, measured; and the statements that give it to them.

Nothing here locks out readers or writers: VACUUM, REINDEX CONCURRENTLY and BRIN summaries work beside them. They run
outside a transaction, one after the other.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import connection

DEAD_ROWS, DEAD_SHARE = 1_000, 0.05  # a table is vacuumed from so many dead rows on, that are such a share of it
STALE_SHARE = 0.1  # and analysed, or vacuumed, when so many rows were changed, or came, since that was done last
SMALL_INDEX = 8 * 1024 * 1024  # bytes; smaller ones are left alone
BLOAT = 2.0  # an index is built anew when it is so many times what its entries need

_TABLES = """
SELECT s.relid::regclass::text, s.n_dead_tup >= %(dead)s AND s.n_dead_tup >= %(share)s * s.n_live_tup
FROM pg_stat_user_tables s
WHERE s.schemaname = current_schema() AND (
    (s.n_dead_tup >= %(dead)s AND s.n_dead_tup >= %(share)s * s.n_live_tup)
    OR s.n_mod_since_analyze >= greatest(%(dead)s, %(stale)s * s.n_live_tup)
    OR s.n_ins_since_vacuum >= greatest(%(dead)s, %(stale)s * s.n_live_tup)
) ORDER BY pg_total_relation_size(s.relid)
"""
# What the entries of an index need at its usual fill: their widths as ANALYZE measured them, and what each costs
# besides. Where equal entries share their space it is less, so no index is taken for bloated that is not.
_INDEXES = """
SELECT format('%%I.%%I', n.nspname, i.relname), pg_relation_size(i.oid)
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace
JOIN pg_am m ON m.oid = i.relam
CROSS JOIN LATERAL (
    SELECT sum(coalesce(s.avg_width * (1 - s.null_frac), 16)) AS width FROM pg_attribute a
    LEFT JOIN pg_attribute ta ON ta.attrelid = x.indrelid AND ta.attnum = x.indkey[a.attnum - 1] AND ta.attnum > 0
    LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.attname = coalesce(ta.attname, a.attname)
        AND s.tablename = CASE WHEN ta.attname IS NULL THEN i.relname
            ELSE (SELECT relname FROM pg_class WHERE oid = x.indrelid) END
    WHERE a.attrelid = i.oid
) entry
WHERE n.nspname = current_schema() AND m.amname = 'btree' AND x.indisvalid AND i.reltuples >= 0
    AND pg_relation_size(i.oid) > %(small)s
    AND pg_relation_size(i.oid) > %(bloat)s * (8192 + i.reltuples * (ceil((8 + entry.width) / 8) * 8 + 4) / 0.9)
ORDER BY pg_relation_size(i.oid)
"""
_BRIN = """
SELECT i.oid::regclass::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_am m ON m.oid = i.relam JOIN pg_namespace n ON n.oid = i.relnamespace
WHERE n.nspname = current_schema() AND m.amname = 'brin' AND x.indisvalid AND x.indrelid = ANY(%s::regclass[])
"""
# What a REINDEX that was interrupted leaves behind.
_LEFT = """
SELECT i.oid::regclass::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_namespace n ON n.oid = i.relnamespace
WHERE n.nspname = current_schema() AND NOT x.indisvalid AND i.relname ~ '_cc(new|old)[0-9]*$'
"""


@dataclass(frozen=True, slots=True)
class Need:
    """A statement, and the table or index whose size it may change."""

    sql: str
    relation: str


def left_behind() -> Iterator[Need]:
    """Invalid indexes of a REINDEX that did not end."""
    for (index,) in _rows(_LEFT):
        yield Need(f"DROP INDEX CONCURRENTLY {index}", "")


def to_vacuum() -> dict[str, bool]:
    """Tables with rows to clear away, or with statistics that are old, the smallest first; and whether their rows have
    moved: an update puts them elsewhere.
    """
    return dict(_rows(_TABLES, {"dead": DEAD_ROWS, "share": DEAD_SHARE, "stale": STALE_SHARE}))


def vacuums(tables: Iterable[str]) -> Iterator[Need]:
    for table in tables:
        yield Need(f"VACUUM (ANALYZE) {table}", table)


def summaries(tables: Iterable[str]) -> Iterator[Need]:
    """BRIN indexes of tables whose rows have moved: what they say of a range of pages gets wider, never narrower."""
    for (index,) in _rows(_BRIN, [list(tables)]):
        yield Need(f"REINDEX INDEX CONCURRENTLY {index}", index)


def bloated() -> Iterator[Need]:
    """Indexes that are much larger than their entries, the smallest first."""
    for index, _size in _rows(_INDEXES, {"small": SMALL_INDEX, "bloat": BLOAT}):
        yield Need(f"REINDEX INDEX CONCURRENTLY {index}", index)


def size_of(relation: str) -> int:
    """Bytes of a table with its indexes, or of an index; 0 when it is gone."""
    ((size,),) = _rows("SELECT coalesce(pg_total_relation_size(to_regclass(%s)), 0)", [relation])
    return int(size)


def _rows(query: str, parameters: object = None) -> list[tuple]:  # type: ignore[type-arg]
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)  # type: ignore[arg-type]
        return list(cursor.fetchall())
