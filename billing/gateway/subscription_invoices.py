"""Copies of the invoices that Stripe writes for a subscription. Amounts in the currency's smallest unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import stripe

from billing.gateway.client import how
from billing.gateway.errors import translated
from billing.gateway.subscriptions import _at, _perhaps

LATEST = 12
LEAST, MOST = Decimal("0.0001"), Decimal(100)  # percent


@dataclass(frozen=True)
class InvoiceCopyLine:
    description: str
    amount: int  # before its discount; below zero for what is given back
    discount: int
    tax: int
    tax_name: str = ""  # of several taxes their names, and what they are together
    tax_percent: Decimal = Decimal(0)


@dataclass(frozen=True)
class InvoiceCopy:
    id: str
    number: str
    status: str  # open, paid, void, uncollectible
    currency: str
    subtotal: int
    discount: int
    tax: int
    tax_included: bool
    total: int
    amount_paid: int
    issued_at: datetime
    due_at: datetime | None
    paid_at: datetime | None
    closed_at: datetime | None  # voided, or given up
    hosted_url: str
    pdf_url: str
    customer: dict[str, str]
    lines: tuple[InvoiceCopyLine, ...]


def invoice_copies(subscription: str) -> list[InvoiceCopy]:
    """The latest ones that are finalised, oldest first, with the taxes that Stripe charged. Raises GatewayError."""
    with translated():
        found = stripe.Invoice.list(subscription=subscription, limit=LATEST, **how()).data
        rates = _Rates()
        return [_copy(one, rates) for one in reversed(found) if one.number and one.status != "draft"]


class _Rates:
    """Names and percentages of tax rates, each asked for once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Decimal]] = {}

    def of(self, taxes: Sequence[Any]) -> tuple[str, Decimal]:
        """What is charged on a line, in words and in percent; nothing of what no rate says."""
        details = [tax.tax_rate_details for tax in taxes]
        found = [self._rate(str(one.tax_rate)) for one in details if one and one.tax_rate]
        return " + ".join(dict.fromkeys(name for name, _ in found)), sum((part for _, part in found), Decimal(0))

    def _rate(self, key: str) -> tuple[str, Decimal]:
        if key not in self._known:
            rate = stripe.TaxRate.retrieve(key, **how())
            self._known[key] = rate.display_name, Decimal(str(rate.percentage or 0))
        return self._known[key]


def _counted(taxes: Sequence[Any] | None) -> tuple[list[Any], bool]:
    """The taxes that are told apart, and whether the amounts include them. Prices of a document either include tax or
    do not: where some come on top, those that are included stay in the amounts.
    """
    found = list(taxes or [])
    on_top = [tax for tax in found if tax.tax_behavior == "exclusive"]
    return on_top or found, not on_top


def _copy(found: stripe.Invoice, rates: _Rates) -> InvoiceCopy:
    times = found.status_transitions
    taxes, included = _counted(found.total_taxes)
    return InvoiceCopy(
        id=str(found.id),
        number=str(found.number),
        status=str(found.status),
        currency=found.currency,
        subtotal=found.subtotal,
        discount=sum(one.amount for one in found.total_discount_amounts or []),
        tax=sum(one.amount for one in taxes),
        tax_included=included,
        total=found.total,
        amount_paid=found.amount_paid,
        issued_at=_at(times.finalized_at or found.created),
        due_at=_perhaps(found.due_date),
        paid_at=_perhaps(times.paid_at),
        closed_at=_perhaps(times.voided_at or times.marked_uncollectible_at),
        hosted_url=found.hosted_invoice_url or "",
        pdf_url=found.invoice_pdf or "",
        customer={"name": found.customer_name or ""},
        lines=tuple(_line(line, rates, included=included) for line in found.lines.auto_paging_iter()),
    )


def _line(line: Any, rates: _Rates, *, included: bool) -> InvoiceCopyLine:
    discount = sum(one.amount for one in line.discount_amounts or [])
    taxes = [tax for tax in line.taxes or [] if (tax.tax_behavior == "inclusive") == included]
    name, percent = rates.of(taxes)
    tax = sum(one.amount for one in taxes)
    if tax and not percent:
        percent = _share(tax, line.amount - discount - (tax if included else 0))
    return InvoiceCopyLine(str(line.description or ""), line.amount, discount, tax, name, percent)


def _share(tax: int, taxed: int) -> Decimal:
    """The percentage that `tax` is of what it is on, where no rate says one: a flat amount, or one without a rate.
    Within what a document can say, and never nothing.
    """
    share = abs(Decimal(tax) * 100 / taxed) if taxed else MOST
    return min(max(share.quantize(LEAST), LEAST), MOST)
