"""Writing the catalogue: one reading of a source becomes closed and opened lines.

A price never changes: its line is closed and a new one opened, a minute after the import, so that every process has
heard of it before it counts. The first line of a meter holds since ever: what was used before it waited for a price.
First is first of all: a better source that begins to price a meter changes the price it had.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from time import monotonic
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from billing.credits import clock
from billing.pricing import book, hooks, models_sync
from billing.pricing.diff import VANISH, Held, Plan, plan
from billing.pricing.models import PriceImport, PriceLine, PriceRevision
from billing.pricing.sources import SOURCES, read
from billing.pricing.sources.rows import Identity, PriceRow, Reading, resolve_conflicts
from billing.pricing.terms import invalidate_terms

NOTICE = timedelta(seconds=60)  # twice the time a process may believe its old prices
COLUMNS = (
    *("pk", "provider", "model", "meter", "unit", "price", "per", "dims"),
    *("upstream_from", "upstream_until", "markup_percent", "effective_from"),
)


@dataclass(frozen=True)
class ImportReport:
    """What one import did. `noop`: the source says what it said last time. `abort`: why nothing was believed."""

    source: str
    version: str
    lines: int
    applied: bool
    noop: bool = False
    abort: str = ""
    added: int = 0
    changed: int = 0
    held: int = 0
    retired: int = 0
    unchanged: int = 0
    clashes: int = 0
    models: int = 0
    seconds: float = 0.0


def prices_import(
    *, sources: Iterable[str] | None = None, now: datetime | None = None, vanish: Decimal = VANISH
) -> list[ImportReport]:
    """Read the named sources, or all, and apply what changed. Each source is one transaction.

    `vanish` is the share of lines that may be missing before a reading is refused.
    """
    return [import_reading(read(name), now=now, vanish=vanish) for name in (sources or SOURCES)]


def import_reading(reading: Reading, *, now: datetime | None = None, vanish: Decimal = VANISH) -> ImportReport:
    """Apply one reading, alone per source; the same reading twice changes nothing."""
    started = monotonic()
    fresh, clashes = resolve_conflicts(reading.rows)
    digest = _digest(fresh.values(), reading)
    with transaction.atomic():
        _only_one(reading.source)
        now = now or clock.now()
        last = PriceImport.objects.filter(source=reading.source, applied=True).order_by("-pk").first()
        seen = ImportReport(reading.source, reading.version, len(fresh), applied=False, clashes=clashes)
        if last is not None and last.digest == digest:
            report = replace(seen, noop=True, unchanged=len(fresh))
            _record(report, digest, now)
            return report
        lines = _open_lines(reading.source)
        decided = plan(
            {key: row for key, (row, _, _) in lines.items()},
            fresh,
            retired_models=models_sync.retired(),
            vanish=vanish,
            zero_is_meant=reading.source in ("platform", "operator"),
        )
        if decided.abort:
            report = replace(seen, abort=decided.abort)
            _record(report, digest, now)
            return report
        report = replace(
            seen,
            applied=True,
            added=len(decided.added),
            changed=len(decided.changed),
            held=len(decided.held),
            retired=len(decided.retired),
            unchanged=decided.unchanged,
            models=len(reading.models),
        )
        record = _record(report, digest, now)
        _apply(decided, lines, record, now, kept_models={(row.provider, row.model) for row in fresh.values()})
        models_sync.sync(reading, now=now)
        changed()
    return replace(report, seconds=round(monotonic() - started, 3))


def changed() -> None:
    """Tell every process that prices are different now; to be called inside the changing transaction."""
    if not PriceRevision.objects.filter(pk=1).update(number=F("number") + 1):
        PriceRevision.objects.create(pk=1, number=1)
    book.invalidate()
    invalidate_terms()
    hooks.tell()


def terms_changed() -> None:
    """The same for what customers agreed on; the catalogue itself need not be read again."""
    if not PriceRevision.objects.filter(pk=1).update(terms=F("terms") + 1):
        PriceRevision.objects.create(pk=1, terms=2)
    invalidate_terms()


def _only_one(source: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"purser.prices.{source}"])


def _digest(rows: Iterable[PriceRow], reading: Reading) -> str:
    texts = sorted(map(repr, rows)) + sorted(map(repr, reading.models))
    return sha256("\n".join(texts).encode()).hexdigest()


def _record(report: ImportReport, digest: str, now: datetime) -> PriceImport:
    details: dict[str, Any] = asdict(report)
    for column in ("source", "version", "lines", "applied", "seconds"):
        details.pop(column)
    return PriceImport.objects.create(
        source=report.source,
        version=report.version,
        digest=digest,
        at=now,
        applied=report.applied,
        lines=report.lines,
        report=details,
    )


Open = tuple[PriceRow, int, datetime | None]  # the line's row, its id, when it begins


def _open_lines(source: str) -> dict[Identity, Open]:
    found: dict[Identity, Open] = {}
    lines = PriceLine.objects.filter(source=source, status=PriceLine.Status.ACTIVE, effective_to=None)
    for pk, provider, model, meter, unit, price, per, dims, start, until, markup, since in lines.values_list(*COLUMNS):
        dims = tuple(sorted(dims.items()))
        row = PriceRow(provider, model, meter, unit, price, per, dims, start, until, markup_percent=markup)
        found[row.identity] = (row, pk, since)
    return found


def _apply(
    decided: Plan,
    lines: Mapping[Identity, Open],
    record: PriceImport,
    now: datetime,
    *,
    kept_models: set[tuple[str, str]],
) -> None:
    # A model that vanished whole keeps its last prices, marked as retired: late use of it is still charged.
    vanished = [key for key in decided.retired if not key[1] or key[:2] in kept_models]
    replaced = [old.identity for old, _ in decided.changed]
    begun = [since for key in vanished + replaced if (since := lines[key][2])]
    when = max([now + NOTICE, *(since + timedelta(microseconds=1) for since in begun)])
    _close([lines[key][1] for key in vanished], when, "vanished upstream")
    _close([lines[key][1] for key in replaced], when, "replaced")
    priced = set(
        PriceLine.objects.filter(source__in=overruled_by(record.source), status=PriceLine.Status.ACTIVE)
        .values_list("provider", "model", "meter")
        .distinct()
    )
    first = [row for row in decided.added if (row.provider, row.model, row.meter) not in priced]
    later = [row for row in decided.added if (row.provider, row.model, row.meter) in priced]
    new = [_line(row, record, None) for row in first]
    new += [_line(row, record, when) for row in later + [row for _, row in decided.changed]]
    PriceLine.objects.bulk_create(new + _pending(decided.held, record), batch_size=2000)


def overruled_by(source: str) -> list[str]:
    """The sources whose price of a meter counts no more once `source` has one, `source` itself among them.

    Where one of them has a price, the first one of `source` is a change like any other: it must not reach back.
    """
    rank = book.RANKS.get(source, 0)
    return [source, *(other for other, lower in book.RANKS.items() if lower < rank)]


def _close(ids: list[int], when: datetime, reason: str) -> None:
    if ids:
        PriceLine.objects.filter(pk__in=ids).update(effective_to=when, reason=reason)


def _pending(held: list[Held], record: PriceImport) -> list[PriceLine]:
    """Lines for a person to decide; what waits already or was refused before is not asked again."""
    lines = PriceLine.objects.filter(source=record.source)
    waiting = {(_identity(line), line.price, line.per): line.pk for line in lines.filter(status="pending")}
    refused = lines.filter(status="rejected", reason__startswith="rejected")
    asked = {(_identity(line), line.price, line.per) for line in refused} | waiting.keys()
    wanted = {(one.new.identity, one.new.price, one.new.per): one for one in held}
    stale = [pk for key, pk in waiting.items() if key not in wanted]
    lines.filter(pk__in=stale).update(status="rejected", reason="superseded by a newer import")
    new = [one for key, one in wanted.items() if key not in asked]
    return [_line(one.new, record, None, status="pending", reason=one.reason) for one in new]


def _identity(line: PriceLine) -> Identity:
    return (line.provider, line.model, line.meter, tuple(sorted(line.dims.items())), line.upstream_from)


def _line(
    row: PriceRow, record: PriceImport, since: datetime | None, *, status: str = "active", reason: str = ""
) -> PriceLine:
    return PriceLine(
        source=record.source,
        provider=row.provider,
        model=row.model,
        meter=row.meter,
        dims=dict(row.dims),
        dims_key=dims_key(row),
        unit=row.unit,
        price=row.price,
        per=row.per,
        upstream_from=row.upstream_from,
        upstream_until=row.upstream_until,
        markup_percent=row.markup_percent,
        effective_from=since,
        status=status,
        reason=reason,
        imported=record,
    )


def dims_key(row: PriceRow) -> str:
    """Dimensions as one text, for the uniqueness of open lines."""
    return ",".join(f"{key}={value}" for key, value in row.dims)
