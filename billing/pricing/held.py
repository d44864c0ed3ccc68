"""What waits for a person: held lines beside what is charged today."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from billing.credits import clock
from billing.pricing import book
from billing.pricing.display import shown_size
from billing.pricing.models import PriceLine
from billing.pricing.notice import Charged
from billing.pricing.tariff import EXACT, TariffLine


@dataclass(frozen=True)
class Held:
    """A line that waits. `paid` is charged today for just this use, with the markup; None: nothing has a price."""

    line: PriceLine
    paid: TariffLine | None
    decided_by: str  # the source of `paid`

    @property
    def decides(self) -> bool:
        """Whether customers would pay the new price: a better source may have one of its own."""
        return self.paid is None or book.RANKS.get(self.line.source, 0) >= book.RANKS.get(self.decided_by, 0)

    @property
    def comparable(self) -> bool:
        return self.paid is not None and self.paid.unit == self.line.unit

    @property
    def percent(self) -> Decimal | None:
        """The change of the published price; None where there is none to compare with, or it was zero."""
        if self.paid is None or not self.comparable or not self.paid.price_usd:
            return None
        change = Fraction(self.line.price) / self.line.per / (Fraction(self.paid.price_usd) / self.paid.per) - 1
        return EXACT.divide(Decimal(100 * change.numerator), Decimal(change.denominator))

    @property
    def is_rise(self) -> bool:
        """Upstream already costs more than the published price that customers are charged by."""
        if self.paid is None or not self.comparable or not self.decides:
            return False
        return Fraction(self.line.price) / self.line.per > Fraction(self.paid.price_usd) / self.paid.per

    @property
    def shown(self) -> tuple[int, str]:
        """For how many units amounts are shown, and what that is called."""
        return shown_size(self.line.meter, self.line.unit)

    @property
    def old_usd(self) -> Decimal | None:
        """The published price today, for `shown` units."""
        return self._of(self.paid.price_usd, self.paid.per) if self.paid and self.comparable else None

    @property
    def new_usd(self) -> Decimal:
        return self._of(self.line.price, self.line.per)

    @property
    def margin_usd(self) -> Decimal | None:
        """What customers pay today less what it costs from now on, for `shown` units; below zero: sold at a loss."""
        if self.paid is None or not self.comparable:
            return None
        return EXACT.subtract(self.paid.usd(Decimal(self.shown[0])), self.new_usd)

    def _of(self, price: Decimal, per: int) -> Decimal:
        return EXACT.divide(EXACT.multiply(price, Decimal(self.shown[0])), Decimal(per))


def held_lines(lines: Iterable[PriceLine], *, now: datetime | None = None) -> list[Held]:
    """The lines with what is charged today."""
    lines, now = list(lines), now or clock.now()
    charged = Charged(lines, with_markups=True)
    found = []
    for line in lines:
        paid = charged.line(line, now)
        found.append(Held(line, paid, charged.sources[paid.price_id] if paid else ""))
    return found


def rises_waiting(now: datetime | None = None) -> int:
    """How many held lines are dearer than what is charged: until they are approved, their use is sold too cheaply."""
    return sum(one.is_rise for one in held_lines(PriceLine.objects.filter(status="pending"), now=now))
