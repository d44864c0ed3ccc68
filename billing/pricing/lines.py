"""Writing lines: closing, opening, holding. When each begins to count is decided here.

A price that falls, or is new beside others, counts a minute after it was read: by then every process has heard of it.
A price that rises waits for the operator's notice hours as well, so that customers hear of it before. None counts
before upstream's own date. The first line of a meter holds since ever: what was used before it waited for a price.
First is first of all: a better source that begins to price a meter changes the price it had.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

from django.db.models import QuerySet

from billing.foundation.site.selectors import site
from billing.pricing import book
from billing.pricing.diff import Held, Plan
from billing.pricing.models import PriceChange, PriceImport, PriceLine
from billing.pricing.sources.rows import Identity, PriceRow
from billing.pricing.tariff import RULES, ModelPrices, TariffLine

NOTICE = timedelta(seconds=60)  # twice the time a process may believe its old prices
TICK = timedelta(microseconds=1)
KEPT = "the model vanished; its last prices stay for late use"  # reason of a line that goes on
COLUMNS = (
    *("pk", "provider", "model", "meter", "unit", "price", "per", "dims"),
    *("upstream_from", "upstream_until", "markup_percent", "effective_from"),
)
Kind = PriceChange.Kind
Meter = tuple[str, str, str]  # provider, model, meter
Open = tuple[PriceRow, int, datetime | None]  # the line's row, its id, when it begins


@dataclass(frozen=True)
class Moments:
    """When what is decided at `now` begins to count at the earliest."""

    now: datetime
    notice: timedelta = field(default_factory=lambda: max(NOTICE, timedelta(hours=site().price_rise_notice_hours)))

    def start(self, row: PriceRow | PriceLine, *, rises: bool, after: datetime | None = None) -> datetime:
        """`after`: the beginning of the line that `row` replaces, which must have counted before it ends."""
        found = self.now + (self.notice if rises else NOTICE)
        if row.upstream_from:
            found = max(found, datetime.combine(row.upstream_from, time(), UTC))
        return max(found, after + TICK) if after else found


def dearer(new: PriceRow | PriceLine, old: PriceRow | PriceLine | TariffLine) -> bool:
    """Whether a unit costs more, a markup fixed on the line included; another unit counts as dearer."""
    return new.unit != old.unit or cost(new) > cost(old)


def cost(line: PriceRow | PriceLine | TariffLine) -> Fraction:
    """USD of one unit, exact, with the markup that is fixed on a line but not the one in force."""
    price = line.price_usd if isinstance(line, TariffLine) else line.price
    return Fraction(price) * (100 + Fraction(line.markup_percent or 0)) / 100 / line.per


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
    changes = _retire(decided.retired, lines, record, moments, read_models)
    closing: dict[datetime, list[int]] = defaultdict(list)
    opened: list[tuple[PriceLine, int | None]] = []
    for old, new in decided.changed:
        _, pk, since = lines[old.identity]
        when = moments.start(new, rises=dearer(new, old), after=since)
        closing[when].append(pk)
        opened.append((line_of(new, record, when), pk))
    for when, ids in closing.items():
        close(ids, when, "replaced")
    priced = priced_by(overruled_by(record.source))
    later = [row for row in decided.added if meter_of(row) in priced]
    charged = Charged(later)
    for row in decided.added:
        since = moments.start(row, rises=charged.rises(row, now)) if meter_of(row) in priced else None
        opened.append((line_of(row, record, since), None))
    PriceLine.objects.bulk_create([line for line, _ in opened], batch_size=2000)
    for line, replaced in opened:
        kind = Kind.CHANGED if replaced else Kind.ADDED
        changes.append(PriceChange(imported=record, kind=kind, line=line, old_id=replaced, note=_from(line, now)))
    changes += _hold(decided.held, lines, record)
    PriceChange.objects.bulk_create(changes, batch_size=2000)
    return changes


def close(ids: Iterable[int], when: datetime, reason: str) -> None:
    """End the lines at `when`."""
    PriceLine.objects.filter(pk__in=ids).update(effective_to=when, reason=reason)


def overruled_by(source: str) -> list[str]:
    """The sources whose price of a meter counts no more once `source` has one, `source` itself among them.

    Where one of them has a price, the first one of `source` is a change like any other: it must not reach back.
    """
    rank = book.RANKS.get(source, 0)
    return [source, *(other for other, lower in book.RANKS.items() if lower < rank)]


def priced_by(sources: Iterable[str]) -> set[Meter]:
    """The meters of models that one of `sources` has ever had a price for."""
    lines = PriceLine.objects.filter(source__in=list(sources), status=PriceLine.Status.ACTIVE)
    return set(lines.values_list("provider", "model", "meter").distinct())


def meter_of(row: PriceRow | PriceLine) -> Meter:
    return (row.provider, row.model, row.meter)


class Charged:
    """What customers are charged for the meters of `rows` so far, whichever source says so."""

    def __init__(self, rows: Iterable[PriceRow | PriceLine], *, with_markups: bool = False) -> None:
        rows = list(rows)
        keys = {(row.provider, row.model) for row in rows}
        points = defaultdict(list)
        self.sources: dict[int, str] = {}  # of each line that may be charged
        for line in PriceLine.objects.filter(
            provider__in={key[0] for key in keys}, model__in={key[1] for key in keys}, status=PriceLine.Status.ACTIVE
        ).order_by("pk"):
            points[line.provider, line.model].append(book.point_of(line))
            self.sources[line.pk] = line.source
        self._prices = {
            key: ModelPrices(*key, tuple(points[key]), tuple(book.markups_of(*key)) if with_markups else ())
            for key in keys
        }

    def line(self, row: PriceRow | PriceLine, at: datetime) -> TariffLine | None:
        """What use of just this kind pays at `at`."""
        dims = dict(row.dims)  # of a row pairs, of a line a mapping
        named = {key: value for key, value in dims.items() if key not in RULES}
        context = Decimal(dims.get("context_over", 0)) + 1
        return self._prices[row.provider, row.model].in_force(row.meter, at, named, context)

    def rises(self, row: PriceRow | PriceLine, now: datetime) -> bool:
        """Whether `row` is dearer than what is paid when it would begin."""
        at = max(now, datetime.combine(row.upstream_from, time(), UTC) - TICK) if row.upstream_from else now
        paid = self.line(row, at)
        return paid is not None and dearer(row, paid)


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
    """A model that vanished whole keeps its last prices, marked as retired: late use of it is still charged.

    Where another source goes on selling it, that one's prices follow, after the notice, since they may be dearer.
    """
    changes = []
    closing: dict[datetime, list[int]] = defaultdict(list)
    elsewhere = _priced_elsewhere({key[:2] for key in gone} - read_models, record.source)
    kept = []
    for key in gone:
        row, pk, since = lines[key]
        if not row.model or key[:2] in read_models:
            when, note = moments.now + NOTICE, "vanished upstream"
        elif meter_of(row) in elsewhere:
            when, note = moments.now + moments.notice, "vanished upstream; another source has a price"
        else:
            when, note = None, KEPT
            kept.append(pk)
        if when:
            closing[max(when, since + TICK) if since else when].append(pk)
        changes.append(PriceChange(imported=record, kind=Kind.RETIRED, old_id=pk, note=note))
    for when, ids in closing.items():
        close(ids, when, "vanished upstream")
    PriceLine.objects.filter(pk__in=kept).update(reason=KEPT)
    return changes


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
