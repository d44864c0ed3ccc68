"""Whether sources agree: a fresh price that another source of the same meter puts more than a percent away is told.

It is told only, in the record of the import. Which source decides is settled (book.RANKS), and both may be right: one
speaks of a discount, the other of the list price.
"""

from collections.abc import Iterable
from fractions import Fraction

from billing.pricing import book
from billing.pricing.lines import dims_key
from billing.pricing.models import PriceChange, PriceImport, PriceLine
from billing.pricing.notice import cost

TOLERANCE = Fraction(1, 100)


def differences(record: PriceImport, changes: Iterable[PriceChange]) -> list[PriceChange]:
    """Rows (written) for the added and changed lines that differ from the best of the other sources."""
    fresh = [each.line for each in changes if each.kind in ("added", "changed") and each.line is not None]
    others: dict[tuple[str, str, str, str], PriceLine] = {}
    lines = PriceLine.objects.filter(status="active", effective_to=None, upstream_from=None, upstream_until=None)
    for line in lines.exclude(source=record.source).filter(
        provider__in={line.provider for line in fresh}, model__in={line.model for line in fresh}
    ):
        key = _same(line)
        if key not in others or _rank(line) > _rank(others[key]):
            others[key] = line
    found = []
    for line in fresh:
        other = others.get(_same(line))
        if other is None or line.upstream_from or other.unit != line.unit:
            continue
        ratio = cost(line) / cost(other) - 1 if cost(other) else None
        if ratio is None or abs(ratio) > TOLERANCE:
            told = "another source has it free" if ratio is None else f"{float(ratio):+.1%} of {other.source}"
            found.append(PriceChange(imported=record, kind=PriceChange.Kind.DIFFERS, line=line, old=other, note=told))
    return PriceChange.objects.bulk_create(found, batch_size=2000)


def _same(line: PriceLine) -> tuple[str, str, str, str]:
    return line.provider, line.model, line.meter, dims_key(line.dims.items())


def _rank(line: PriceLine) -> int:
    return book.RANKS.get(line.source, 0)
