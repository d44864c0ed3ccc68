"""What a period brought and cost: sums of the ledger by day, of usage by hour, and of documents."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property

from django.db.models import Count, F, Q, Sum

from billing.invoices.models import Document
from billing.ledger.trial.flows import snapshot
from billing.ledger.worth.figures import PER_NANO, Credits, Worth, credits_of, value, worth_of
from billing.ledger.worth.flows import Unspent, Used, priced_flows, unspent, used
from billing.metering.selectors.upstream import ModelUse, use_by_model
from portal.admin.money.periods import Period
from portal.admin.money.shares import Key, by_model


@dataclass(frozen=True, slots=True)
class Cash:
    """What customers paid on documents and what went back to them, in minor units of a currency."""

    currency: str
    paid: int = 0
    documents: int = 0
    refunded: int = 0

    @property
    def net(self) -> int:
        return self.paid - self.refunded


@dataclass(frozen=True)
class Report:
    """Money in parts of a US dollar (worth.figures), credits in nano-credits."""

    period: Period
    credits: Credits
    worth: Worth
    deferred: int  # at the end of the period, or now if that is earlier
    used: Sequence[Used]
    unspent: Sequence[Unspent]  # now
    usage: Sequence[ModelUse]
    cash: Sequence[Cash]

    @property
    def opening(self) -> int:
        """Deferred revenue before the period."""
        return self.deferred - self.worth.change

    @property
    def revenue(self) -> int:
        return self.worth.recognised

    @cached_property
    def upstream(self) -> int:
        return sum(row.upstream for row in self.usage) * PER_NANO

    @cached_property
    def workspaces(self) -> dict[int, tuple[int, int]]:
        """(revenue, upstream cost) of each that had any."""
        found: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
        for row in self.used:
            found[row.workspace_id][0] += value(row.amount, row.unit_price_usd)
        for use in self.usage:
            found[use.workspace_id][1] += use.upstream * PER_NANO
        return {key: (revenue, cost) for key, (revenue, cost) in found.items() if revenue or cost}

    @cached_property
    def _of_models(self) -> tuple[dict[Key, int], int]:
        metered: defaultdict[int, int] = defaultdict(int)
        for row in self.used:
            if row.metered:
                metered[row.workspace_id] += value(row.amount, row.unit_price_usd)
        return by_model(metered, ((use.workspace_id, (use.provider, use.model), use.amount) for use in self.usage))

    @cached_property
    def models(self) -> dict[Key, tuple[int, int]]:
        """(revenue, upstream cost) of each that had any. See shares.py for how revenue is shared."""
        revenue, _ = self._of_models
        costs: defaultdict[Key, int] = defaultdict(int)
        for use in self.usage:
            costs[use.provider, use.model] += use.upstream * PER_NANO
        keys = revenue.keys() | {key for key, cost in costs.items() if cost}
        return {key: (revenue.get(key, 0), costs.get(key, 0)) for key in keys}

    @property
    def of_no_model(self) -> int:
        """Revenue that no model was charged for."""
        return self.revenue - sum(revenue for revenue, _ in self.models.values())

    @cached_property
    def providers(self) -> dict[str, tuple[int, int]]:
        found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for (provider, _), (revenue, cost) in self.models.items():
            found[provider][0] += revenue
            found[provider][1] += cost
        return {key: (revenue, cost) for key, (revenue, cost) in found.items()}


def report(period: Period) -> Report:
    """The figures of a period. Everything of the ledger is of one moment."""
    with snapshot():
        flows = priced_flows([period.since, period.until])
        spent = used(period.since, period.until)
        left = unspent()
    within = [flow for flow in flows if flow.bucket == 0]
    now = sum(value(row.amount, row.unit_price_usd) for row in left)
    return Report(
        period=period,
        credits=credits_of(within),
        worth=worth_of(within),
        deferred=now - worth_of(flow for flow in flows if flow.bucket == 1).change,
        used=spent,
        unspent=left,
        usage=use_by_model(midnight(period.since), midnight(period.until)),
        cash=cash_in(period.since, period.until),
    )


def cash_in(since: date, until: date) -> list[Cash]:
    """By currency: invoices that were paid from `since` to before `until`, and what was refunded in these days.

    Money went back where a credit note names how. Of Stripe's that is not known: they count when they were issued on
    an invoice that was paid already, whether the money went to the card or to the customer's balance at Stripe.
    """
    paid = Document.objects.filter(paid_at__gte=midnight(since), paid_at__lt=midnight(until))
    notes = Document.objects.filter(
        ~Q(origin=Document.Origin.STRIPE) & ~Q(payment_method="")
        | Q(origin=Document.Origin.STRIPE, invoice__paid_at__lte=F("issued_at")),
        kind=Document.Kind.CREDIT_NOTE,
        issued_at__gte=midnight(since),
        issued_at__lt=midnight(until),
    )
    came = {
        row[0]: row[1:] for row in paid.values_list("currency").annotate(Sum("amount_paid"), Count("pk")).order_by()
    }
    went = dict(notes.values_list("currency").annotate(Sum("total")).order_by())
    found = []
    for currency in sorted({*came, *went}):
        amount, documents = came.get(currency, (0, 0))
        found.append(Cash(currency, amount, documents, refunded=went.get(currency, 0)))
    return found


def midnight(day: date) -> datetime:
    """Its beginning (UTC)."""
    return datetime.combine(day, time(), UTC)
