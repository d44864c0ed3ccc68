"""Price books without a database."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal

from billing.pricing.rating import Rating, rate
from billing.pricing.sources.rows import PriceRow
from billing.pricing.tariff import MarkupPoint, ModelPrices, PricePoint

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CREDIT = Decimal("0.005")
M = 1_000_000


def point(meter: str, price: str, per: int = 1, /, **fields: object) -> PricePoint:
    dims = {key: str(fields.pop(key)) for key in list(fields) if key in DIMENSIONS}
    return PricePoint(fields.pop("price_id", 1), meter, dims, Decimal(price), per, **fields)  # type: ignore[arg-type]


DIMENSIONS = {
    *("tier", "context_over", "utc_window", "minimum", "resolution", "audio", "quality", "size", "route"),
}


def model(*points: PricePoint, markup: str = "0", modality: str = "text") -> ModelPrices:
    return ModelPrices("acme", "m1", points, (MarkupPoint(0, Decimal(markup)),), modality=modality)


def from_rows(rows: Iterable[PriceRow], *, modality: str = "text") -> ModelPrices:
    rows = list(rows)
    points = [
        PricePoint(
            number,
            row.meter,
            dict(row.dims),
            row.price,
            row.per,
            row.unit,
            starts=_midnight(row.upstream_from),
            ends=_midnight(row.upstream_until),
            upstream_from=row.upstream_from,
        )
        for number, row in enumerate(rows)
    ]
    return ModelPrices(rows[0].provider, rows[0].model, points, modality=modality)


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None


def rated(
    prices: ModelPrices,
    usage: Mapping[str, int | str],
    variant: Mapping[str, str] | None = None,
    *,
    at: datetime = NOON,
    allowances: Mapping[str, int] | None = None,
    usd_per_credit: Decimal = CREDIT,
    round_up: bool = False,
) -> Rating:
    return rate(
        prices,
        usage={meter: Decimal(quantity) for meter, quantity in usage.items()},
        variant=variant or {},
        at=at,
        allowances={meter: Decimal(quantity) for meter, quantity in (allowances or {}).items()},
        usd_per_credit=usd_per_credit,
        round_up=round_up,
    )
