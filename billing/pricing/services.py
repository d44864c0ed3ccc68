"""Refreshing the catalogue: one reading of a source becomes closed and opened lines (see lines.py for when).

A price never changes. A source that cannot be read or believed leaves everything as it is: that is recorded, and told.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from time import monotonic
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from billing.credits import clock
from billing.foundation.site.selectors import site
from billing.pricing import alarm, book, crosscheck, hooks, lines, models_sync, notice, refresh
from billing.pricing.diff import plan
from billing.pricing.models import PriceChange, PriceImport, PriceRevision, PriceSource
from billing.pricing.sources import FETCHED, SOURCES, read
from billing.pricing.sources.rows import PriceRow, Reading, SourceError, impossible, resolve_conflicts
from billing.pricing.terms import invalidate_terms

NOTICE = notice.NOTICE


class PricesNotRefreshed(Exception):
    """Some sources could not be read or were not believed; the others were refreshed."""


@dataclass(frozen=True)
class ImportReport:
    """What one import did. `noop`: the source says what it said last time. `abort`: why nothing was believed.
    `error`: why nothing could be read. `notes`: what the source has and was left out, with how often.
    """

    source: str
    version: str
    lines: int
    applied: bool
    noop: bool = False
    abort: str = ""
    error: str = ""
    added: int = 0
    changed: int = 0
    held: int = 0
    retired: int = 0
    unchanged: int = 0
    differs: int = 0
    clashes: int = 0
    models: int = 0
    notes: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def problem(self) -> str:
        """Why the source's prices stayed as they were; empty when it was read and believed."""
        return self.error or self.abort


def prices_import(
    *, sources: Iterable[str] | None = None, now: datetime | None = None, vanish: Decimal | None = None
) -> list[ImportReport]:
    """Read the named sources, or all that are enabled, and apply what changed. Each source is one transaction.

    `vanish` is the share of lines that may be missing before a reading is refused; None: what the operator has set.
    """
    return [source_import(name, now=now, vanish=vanish) for name in (sources or refresh.enabled())]


def refresh_due(now: datetime) -> list[ImportReport]:
    """Read every source whose time has come at `now`. Raises PricesNotRefreshed when it has been through all of them.

    What is read counts from when it has been read on: a slow server must not let a price begin in the past.
    """
    reports = prices_import(sources=names) if (names := refresh.due(now)) else []
    problems = [f"{report.source}: {report.problem}" for report in reports if report.problem]
    if problems:
        raise PricesNotRefreshed("; ".join(problems))
    return reports


def source_import(name: str, *, now: datetime | None = None, vanish: Decimal | None = None) -> ImportReport:
    """Read one source from where the operator says it is. One that cannot be read is reported and recorded."""
    source = PriceSource.objects.filter(name=name).first()
    try:
        reading = read(name, source.url if source else "")
    except SourceError as problem:
        return _unreadable(name, str(problem), now or clock.now())
    return import_reading(reading, now=now, vanish=vanish)


def import_reading(
    reading: Reading, *, now: datetime | None = None, vanish: Decimal | None = None, jump: Decimal | None = None
) -> ImportReport:
    """Apply one reading, one at a time; the same reading twice changes nothing."""
    started = monotonic()
    if wrong := impossible(reading):
        return _unreadable(reading.source, wrong, now or clock.now())
    fresh, clashes = resolve_conflicts(reading.rows)
    digest = _digest(fresh.values(), reading)
    with transaction.atomic():
        only_one()
        now = now or clock.now()
        last = PriceImport.objects.filter(source=reading.source, applied=True).order_by("-pk").first()
        notes = dict(reading.notes)
        seen = ImportReport(reading.source, reading.version, len(fresh), applied=False, clashes=clashes, notes=notes)
        if last is not None and last.digest == digest:
            report = replace(seen, noop=True, unchanged=len(fresh))
            _record(report, digest, now)
            return report
        current = lines.open_lines(reading.source)
        decided = plan(
            {key: row for key, (row, _, _) in current.items()},
            fresh,
            retired_models=models_sync.retired() | lines.kept_models(reading.source),
            jump=Decimal(site().price_jump_percent) / 100 if jump is None else jump,
            vanish=Decimal(site().price_vanish_percent) / 100 if vanish is None else vanish,
            zero_is_meant=reading.source in ("platform", "shipped", "operator"),
        )
        if decided.abort:
            report = replace(seen, abort=decided.abort)
            record = _record(report, digest, now)
            PriceChange.objects.bulk_create(
                [
                    PriceChange(imported=record, kind=PriceChange.Kind.MISSING, old_id=current[key][1])
                    for key in decided.retired
                ],
                batch_size=2000,
            )
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
        models = {(row.provider, row.model) for row in fresh.values()}
        changes = lines.apply(decided, current, record, now, read_models=models)
        models_sync.sync(reading, now=now)
        report = replace(report, differs=len(crosscheck.differences(record, changes)))
        record.report["differs"] = report.differs
        record.save(update_fields=["report"])
        alarm.tell_of_rises(record, changes)
        changed()
    return replace(report, seconds=round(monotonic() - started, 3))


def changed() -> None:
    """Tell every process that prices are different now; to be called inside the changing transaction."""
    _count_up("number")
    book.invalidate()
    invalidate_terms()
    hooks.tell()


def terms_changed() -> None:
    """The same for what customers agreed on; the catalogue itself need not be read again."""
    _count_up("terms")
    invalidate_terms()


def _count_up(revision: str) -> None:
    if not PriceRevision.objects.filter(pk=1).update(**{revision: F(revision) + 1}):
        PriceRevision.objects.bulk_create([PriceRevision(pk=1)], ignore_conflicts=True)  # another may do so as well
        PriceRevision.objects.filter(pk=1).update(**{revision: F(revision) + 1})


def _unreadable(name: str, reason: str, now: datetime) -> ImportReport:
    report = ImportReport(name, "", 0, applied=False, error=reason[:500])
    with transaction.atomic():
        only_one()
        _record(report, "", now)
    return report


def only_one() -> None:
    """Let nobody else change prices until the transaction ends. When they begin is reckoned after it: waiting for
    another change must not use up the minute in which every process hears of this one.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('purser.prices'))")


def _digest(rows: Iterable[PriceRow], reading: Reading) -> str:
    texts = sorted(map(repr, rows)) + sorted(map(repr, reading.models))
    return sha256("\n".join(texts).encode()).hexdigest()


def _record(report: ImportReport, digest: str, now: datetime) -> PriceImport:
    """Write down what came of a reading, for the source and for good; a failure that was told already is not again."""
    details: dict[str, Any] = asdict(report)
    for column in ("source", "version", "lines", "applied", "seconds"):
        details.pop(column)
    failing = report.problem[:500]
    since, awaited = now, True
    if report.source in SOURCES:
        source, _ = PriceSource.objects.get_or_create(
            pk=report.source, defaults={"enabled": report.source not in FETCHED}
        )
        source.read_at = source.read_at if failing else now
        source.failing_since = (source.failing_since or now) if failing else None
        source.error = failing
        source.save(update_fields=["read_at", "failing_since", "error"])
        since, awaited = source.failing_since or now, source.enabled
    if failing:
        if awaited:  # who reads another one by hand sees what came of it
            alarm.tell_of_failure(report.source, failing, since)
        last = PriceImport.objects.filter(source=report.source).order_by("-pk").first()
        if last is not None and not last.applied and (last.digest, last.report) == (digest, details):
            return last  # tried again, with the same result
    return PriceImport.objects.create(
        source=report.source,
        version=report.version,
        digest=digest,
        at=now,
        applied=report.applied,
        lines=report.lines,
        report=details,
    )
