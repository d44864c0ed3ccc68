"""Saved cards that expire, from the rows that webhooks keep: nobody is asked."""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q
from djstripe.models import PaymentMethod

from billing.gateway.models import StripeCustomer


@dataclass(frozen=True)
class ExpiringCard:
    id: str
    customer: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int

    @property
    def ends(self) -> datetime:
        return end_of(self.exp_year, self.exp_month)


def end_of(year: int, month: int) -> datetime:
    """A card is good until the end of its month."""
    return datetime(year, month, calendar.monthrange(year, month)[1], tzinfo=UTC) + timedelta(days=1)


def cards_expiring(now: datetime, within: timedelta) -> list[ExpiringCard]:
    """Saved cards of our customers whose last day is to come `within` that time."""
    end, months = now + within, set[tuple[int, int]]()
    day = now
    while day <= end:
        months.add((day.year, day.month))
        day += timedelta(days=1)
    chosen = Q()
    for year, month in months:
        if now < end_of(year, month) <= end:
            chosen |= Q(stripe_data__card__exp_year=year, stripe_data__card__exp_month=month)
    if not chosen:
        return []
    known = set(StripeCustomer.objects.values_list("stripe_id", flat=True))
    rows = PaymentMethod.objects.filter(chosen, stripe_data__customer__isnull=False)
    found = [_card(row.stripe_data) for row in rows]
    return [card for card in found if card.customer in known]


def _card(data: dict[str, object]) -> ExpiringCard:
    card = data["card"]
    assert isinstance(card, dict)  # noqa: S101 - only cards have these fields
    return ExpiringCard(
        str(data["id"]), str(data["customer"]), card["brand"], card["last4"], card["exp_month"], card["exp_year"]
    )
