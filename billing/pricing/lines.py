"""Writing lines: closing, opening, holding, withdrawing. When each begins to count, `notice.py` says."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from billing.pricing.diff import Held, Plan
from billing.pricing.models import PriceChange, PriceImport, PriceLine
from billing.pricing.notice import NOTICE, TICK, Charged, Meter, Moments, dearer, meter_of
from billing.pricing.sources.rows import Identity, PriceRow

KEPT = "the model vanished; its last prices stay for late use"  # reason of a line that goes on
COLUMNS = (
    *("pk", "provider", "model", "meter", "unit", "price", "per", "dims"),
    *("upstream_from", "upstream_until", "markup_percent", "effective_from"),
)
Kind = PriceChange.Kind
Open = tuple[PriceRow, int, datetime | None]  # the line's row, its id, when it begins


def open_lines(source: str) -> dict[Identity, Open]:
    """The lines of `source` that have no end, by identity."""
    found: dict[Identity, Open] = {}
    lines = PriceLine.objects.filter(source=source, status=PriceLine.Status.ACTIVE, effective_to=None)
    for pk, provider, model, meter, unit, price, per, dims, start, until, markup, since in lines.values_list(*COLUMNS):
        dims = tuple(sorted(dims.items()))
        row = PriceRow(provider, model, meter, unit, price, per, dims, start, until, markup_percent=markup)
        found[row.identity] = (row, pk, since)
    return found


def kept_models(source: str) -> set[tuple[str, str]]:
    """Models that vanished from `source` and keep its last prices: they do not vanish a second time."""
    return set(_kept(source).values_list("provider", "model").distinct())


def apply(
    decided: Plan,
    lines: Mapping[Identity, Open],
    record: PriceImport,
    now: datetime,
    *,
    read_models: set[tuple[str, str]],
) -> list[PriceChange]:
    """Do what was decided; returns the record of it, which has been written."""
    moments = Moments(now)
    back = [line.pk for line in _kept(record.source) if (line.provider, line.model) in read_models]
    PriceLine.objects.filter(pk__in=back).update(reason="")
    closing: dict[datetime, list[int]] = defaultdict(list)
    opened: list[tuple[PriceLine, int | None]] = []
    for old, new in decided.changed:
        _, pk, since = lines[old.identity]
        if moments.waits(since):
            when = overtake(PriceLine.objects.get(pk=pk), new, moments)
        else:
            when = moments.start(new, rises=dearer(new, old), after=since)
            closing[when].append(pk)
        opened.append((line_of(new, record, when), pk))
    for when, ids in closing.items():
        close(ids, when, "replaced")
    charged = Charged(decided.added)
    for row in decided.added:
        first = charged.is_first(row, record.source, now)
        since = None if first else moments.start(row, rises=charged.rises(row, now))
        opened.append((line_of(row, record, since), None))
    PriceLine.objects.bulk_create([line for line, _ in opened], batch_size=2000)
    changes = _retire(decided.retired, lines, record, moments, read_models)
    for line, replaced in opened:
        kind = Kind.CHANGED if replaced else Kind.ADDED
        changes.append(PriceChange(imported=record, kind=kind, line=line, old_id=replaced, note=_from(line, now)))
    changes += _hold(decided.held, lines, record)
    PriceChange.objects.bulk_create(changes, batch_size=2000)
    return changes


def overtake(line: PriceLine, new: PriceRow | PriceLine, moments: Moments) -> datetime:
    """When `new` begins in place of `line`, which is the last of its kind; what it follows ends then.

    Of lines that wait for their notice, those that `new` begins before are withdrawn. It begins with the first of
    them that is at least as dear, since that is when customers were told to expect so much; or at once, if none is.
    """
    start = moments.start(new, rises=dearer(new, line))
    while line.effective_from and moments.waits(line.effective_from) and start <= line.effective_from:
        told, before = line.effective_from, _before(line)
        withdraw(line)
        if before is None:
            return max(start, told) if Charged([new]).rises(new, moments.now) else start
        if dearer(new, before):
            start = max(start, told)
        line = before
    start = max(start, line.effective_from + TICK) if line.effective_from else start
    close([line.pk], start, "replaced")
    return start


def withdraw(line: PriceLine) -> None:
    """Let a line that has not begun never begin."""
    line.status, line.reason = PriceLine.Status.REJECTED, "withdrawn before it began"
    line.save(update_fields=["status", "reason"])


def _before(line: PriceLine) -> PriceLine | None:
    """The line that ends when `line` begins."""
    return PriceLine.objects.filter(
        source=line.source,
        provider=line.provider,
        model=line.model,
        meter=line.meter,
        dims_key=line.dims_key,
        upstream_from=line.upstream_from,
        status=PriceLine.Status.ACTIVE,
        effective_to=line.effective_from,
    ).first()


def close(ids: Iterable[int], when: datetime, reason: str) -> None:
    """End the lines at `when`."""
    PriceLine.objects.filter(pk__in=ids).update(effective_to=when, reason=reason)


def line_of(
    row: PriceRow, record: PriceImport | None, since: datetime | None, *, status: str = "active", reason: str = ""
) -> PriceLine:
    """The unsaved line of a row that `record` brought, in force from `since` (None: ever)."""
    return PriceLine(
        source=record.source if record else "operator",
        provider=row.provider,
        model=row.model,
        meter=row.meter,
        dims=dict(row.dims),
        dims_key=dims_key(row.dims),
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


def dims_key(dims: Iterable[tuple[str, str]]) -> str:
    """Dimensions as one text, for the uniqueness of open lines."""
    return ",".join(f"{key}={value}" for key, value in sorted(dims))


def _retire(
    gone: list[Identity],
    lines: Mapping[Identity, Open],
    record: PriceImport,
    moments: Moments,
    read_models: set[tuple[str, str]],
) -> list[PriceChange]:
    """A line whose use costs no more without it ends after a minute, any other after the notice.

    A model that vanished whole keeps its last prices, marked as retired: late use of it is still charged. Where
    another source goes on selling it, that one's prices follow, after the notice, since they may be dearer.
    """
    changes = []
    closing: dict[datetime, list[int]] = defaultdict(list)
    elsewhere = _priced_elsewhere({key[:2] for key in gone} - read_models, record.source)
    rows = [lines[key][0] for key in gone if not key[1] or key[:2] in read_models]
    left = Charged(rows, without={lines[key][1] for key in gone})
    kept = []
    for key in gone:
        row, pk, since = lines[key]
        if not row.model or key[:2] in read_models:
            follows = left.follows(row, moments.now + NOTICE)
            no_rise = follows and not any(dearer(each, row) for each in follows)
            when = moments.now + (NOTICE if no_rise else moments.notice)
            note = "vanished upstream"
        elif meter_of(row) in elsewhere:
            when, note = moments.now + moments.notice, "vanished upstream; another source has a price"
        else:
            when, note = None, KEPT
            kept.append(pk)
        if when and since and when <= since:
            _end(PriceLine.objects.get(pk=pk), when, moments)
        elif when:
            closing[when].append(pk)
        changes.append(PriceChange(imported=record, kind=Kind.RETIRED, old_id=pk, note=note))
    for when, ids in closing.items():
        close(ids, when, "vanished upstream")
    PriceLine.objects.filter(pk__in=kept).update(reason=KEPT)
    return changes


def _end(line: PriceLine | None, when: datetime, moments: Moments) -> None:
    """End a line that would begin at `when` or later, and what it follows: of those that wait, none begins."""
    while line is not None and line.effective_from and when <= line.effective_from:
        if not moments.waits(line.effective_from):
            when = line.effective_from + TICK
            break
        before = _before(line)
        withdraw(line)
        line = before
    if line is not None:
        close([line.pk], when, "vanished upstream")


def _priced_elsewhere(models: set[tuple[str, str]], source: str) -> set[Meter]:
    """The meters of these models that another source has a price of."""
    lines = PriceLine.objects.exclude(source=source).filter(
        provider__in={key[0] for key in models},
        model__in={key[1] for key in models},
        status=PriceLine.Status.ACTIVE,
        effective_to=None,
    )
    return {meter for meter in lines.values_list("provider", "model", "meter").distinct() if meter[:2] in models}


def _kept(source: str) -> QuerySet[PriceLine]:
    return PriceLine.objects.filter(source=source, status=PriceLine.Status.ACTIVE, effective_to=None, reason=KEPT)


def _hold(held: list[Held], open_now: Mapping[Identity, Open], record: PriceImport) -> list[PriceChange]:
    """Lines for a person to decide; what waits already or was refused before is not asked again."""
    lines = PriceLine.objects.filter(source=record.source)
    waiting = {_asked(line): line for line in lines.filter(status="pending")}
    known = {_asked(line): line for line in lines.filter(status="rejected", reason__startswith="rejected")} | waiting
    wanted = {(one.new.identity, one.new.price, one.new.per): one for one in held}
    stale = [line.pk for key, line in waiting.items() if key not in wanted]
    lines.filter(pk__in=stale).update(status="rejected", reason="superseded by a newer import")
    asked = {
        key: line_of(one.new, record, None, status="pending", reason=one.reason)
        for key, one in wanted.items()
        if key not in known
    }
    PriceLine.objects.bulk_create(asked.values(), batch_size=2000)
    changes = []
    for key, one in wanted.items():
        line = asked.get(key) or known[key]
        note = one.reason if key in asked else f"{one.reason}; {'waits since' if key in waiting else 'as'} before"
        old = open_now.get(one.new.identity)
        changes.append(
            PriceChange(imported=record, kind=Kind.HELD, line=line, old_id=old[1] if old else None, note=note)
        )
    return changes


def _asked(line: PriceLine) -> tuple[Identity, Decimal, int]:
    dims = tuple(sorted(line.dims.items()))
    return (line.provider, line.model, line.meter, dims, line.upstream_from), line.price, line.per


def _from(line: PriceLine, now: datetime) -> str:
    since = line.effective_from
    return f"from {since:%Y-%m-%d %H:%M} UTC" if since and since > now + NOTICE else ""
