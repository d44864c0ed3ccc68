"""When a price begins to count, and whether it is dearer than what is charged so far.

A price that falls, or is new beside others, counts a minute after it was read: by then every process has heard of it.
A price that rises waits for the operator's notice hours as well, so that customers hear of it before. None counts
before upstream's own date. The first line of a meter holds since ever: what was used before it waited for a price.
First is first of all: a better source that begins to price a meter changes the price it had, and so does a price for
what was charged inside something else.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

from billing.foundation.site.selectors import site
from billing.pricing import book
from billing.pricing.meters import MEASURES, SAME_THING, STANDS_FOR, with_custom
from billing.pricing.models import CatalogModel, PriceImport, PriceLine
from billing.pricing.models import Meter as MeterRow
from billing.pricing.sources.rows import PriceRow
from billing.pricing.tariff import RULES, ModelPrices, TariffLine

NOTICE = timedelta(seconds=60)  # twice the time a process may believe its old prices
TICK = timedelta(microseconds=1)
SETTING_UP = timedelta(hours=1)  # from the first reading of an installation on: its catalogues come one by one
FEE = "requests"
Meter = tuple[str, str, str]  # provider, model, meter


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

    def waits(self, since: datetime | None) -> bool:
        """Whether what begins at `since` can still be withdrawn: every process hears of it before."""
        return since is not None and since > self.now + NOTICE


def dearer(new: PriceRow | PriceLine | TariffLine, old: PriceRow | PriceLine | TariffLine) -> bool:
    """Whether a unit costs more, a markup fixed on the line included; another unit counts as dearer."""
    return new.unit != old.unit or cost(new) > cost(old)


def cost(line: PriceRow | PriceLine | TariffLine) -> Fraction:
    """USD of one unit, exact, with the markup that is fixed on a line but not the one in force."""
    price = line.price_usd if isinstance(line, TariffLine) else line.price
    return Fraction(price) * (100 + Fraction(line.markup_percent or 0)) / 100 / line.per


def meter_of(row: PriceRow | PriceLine) -> Meter:
    return (row.provider, row.model, row.meter)


def overruled_by(source: str) -> Collection[str]:
    """The sources whose price of a meter counts no more once `source` has one, `source` itself among them.

    Where one of them has a price, the first one of `source` is a change like any other: it must not reach back.
    """
    rank = book.RANKS.get(source, 0)
    return {source, *(other for other, lower in book.RANKS.items() if lower < rank)}


class Charged:
    """What customers are charged for the meters of `rows` so far, whichever source says so."""

    def __init__(
        self, rows: Iterable[PriceRow | PriceLine], *, with_markups: bool = False, without: Collection[int] = ()
    ) -> None:
        """`without` are lines, by id, that are looked away from."""
        rows = list(rows)
        keys = {(row.provider, row.model) for row in rows}
        points = defaultdict(list)
        self.sources: dict[int, str] = {}  # of each line that may be charged
        self._by: dict[Meter, set[str]] = defaultdict(set)  # the sources that ever had a price of a meter
        for line in PriceLine.objects.filter(
            provider__in={key[0] for key in keys}, model__in={key[1] for key in keys}, status=PriceLine.Status.ACTIVE
        ).order_by("pk"):
            if line.pk in without:
                continue
            points[line.provider, line.model].append(book.point_of(line))
            self.sources[line.pk] = line.source
            self._by[meter_of(line)].add(line.source)
        self._prices = {
            key: ModelPrices(*key, tuple(points[key]), tuple(book.markups_of(*key)) if with_markups else ())
            for key in keys
        }
        self._ancestors = with_custom(MeterRow.objects.values_list("key", "contained_in_id"))
        models = CatalogModel.objects.filter(provider__in={key[0] for key in keys}, model__in={key[1] for key in keys})
        self._modality = {(each.provider, each.model): each.modality for each in models}
        self._began = PriceImport.objects.order_by("at").values_list("at", flat=True).first()

    def line(self, row: PriceRow | PriceLine, at: datetime) -> TariffLine | None:
        """What use of just this kind pays at `at`."""
        return self._line(row, row.meter, at)

    def is_first(self, row: PriceRow | PriceLine, source: str, now: datetime) -> bool:
        """Whether nothing was charged for what `row` prices, so that it may hold since ever."""
        if not self._by[meter_of(row)].isdisjoint(overruled_by(source)):
            return False
        setting_up = self._began is None or now < self._began + SETTING_UP
        return setting_up or not (self._instead(row, now) or self._informed(row))

    def rises(self, row: PriceRow | PriceLine, now: datetime) -> bool:
        """Whether `row` is dearer than what is paid when it would begin."""
        at = max(now, datetime.combine(row.upstream_from, time(), UTC) - TICK) if row.upstream_from else now
        if (paid := self.line(row, at)) is not None:
            return dearer(row, paid)
        if self._by[meter_of(row)]:
            return False
        return any(dearer(row, each) for each in self._instead(row, at)) or (self._informed(row) and row.price > 0)

    def follows(self, row: PriceRow | PriceLine, at: datetime) -> list[TariffLine]:
        """What use of just this kind pays without `row`: another line of its meter, or what it is charged inside of."""
        line = self.line(row, at)
        return self._instead(row, at) if line is None else [line]

    def _line(self, row: PriceRow | PriceLine, meter: str, at: datetime) -> TariffLine | None:
        dims = dict(row.dims)  # of a row pairs, of a line a mapping
        named = {key: value for key, value in dims.items() if key not in RULES}
        context = Decimal(dims.get("context_over", 0)) + 1
        return self._prices[row.provider, row.model].in_force(meter, at, named, context)

    def _instead(self, row: PriceRow | PriceLine, at: datetime) -> list[TariffLine]:
        """What a meter without a price of its own is charged by: any of its wholes, or what it stands for."""
        wholes = {*self._ancestors.get(row.meter, ()), *filter(None, [STANDS_FOR.get(row.meter)])}
        return [line for whole in wholes if (line := self._line(row, whole, at)) is not None]

    def _informed(self, row: PriceRow | PriceLine) -> bool:
        """Whether requests that carry the meter, or need not even, were charged by something else beside it."""
        if not row.model:
            return False
        model = row.provider, row.model
        priced = {meter for (*of, meter), sources in self._by.items() if sources and tuple(of) == model}
        modality = self._modality.get(model, "")
        repeated = {meter for meter, others in SAME_THING.get(modality, {}).items() if row.meter in others}
        by_request = priced == {FEE} and row.meter in MEASURES.get(modality, ())
        return bool(priced - {FEE} if row.meter == FEE else priced & repeated or by_request)
