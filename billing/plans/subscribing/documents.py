"""Stripe's invoices of a subscription, kept among the workspace's documents."""

import logging
from datetime import datetime

from accounts.models import Workspace
from billing.gateway.subscription_invoices import InvoiceCopy, InvoiceCopyLine, invoice_copies
from billing.invoices.errors import DocumentConflict, NotIssuable
from billing.invoices.mirror import StripeDocument, StripeLine, stripe_invoice_mirror

log = logging.getLogger(__name__)


class NotKept(RuntimeError):
    """These invoices could not be written; the log says why."""


def documents_mirror(*, workspace: Workspace, stripe_id: str, now: datetime) -> int:
    """Keep the latest invoices as Stripe has them; how many were kept. Raises GatewayError, and NotKept when some could
    not be, after all others.
    """
    kept, failed = 0, []
    for copy in invoice_copies(stripe_id):
        if copy.subtotal < 0:  # what is given back stays in the customer's balance, and shows on the next invoice
            continue
        try:
            stripe_invoice_mirror(workspace=workspace, document=document_of(copy, now))
        except (NotIssuable, DocumentConflict) as error:
            log.error("invoice %s of %s is not kept: %s", copy.id, workspace.public_id, error)
        except Exception:  # one keeps no other out
            log.exception("invoice %s of %s could not be kept", copy.id, workspace.public_id)
            failed.append(copy.id)
        else:
            kept += 1
    if failed:
        raise NotKept(", ".join(failed))
    return kept


def document_of(copy: InvoiceCopy, as_of: datetime) -> StripeDocument:
    return StripeDocument(
        stripe_id=copy.id,
        number=copy.number,
        as_of=as_of,
        status=copy.status,
        currency=copy.currency,
        subtotal=copy.subtotal,
        discount=copy.discount,
        tax=copy.tax,
        tax_included=copy.tax_included,
        total=copy.total,
        amount_paid=copy.amount_paid,
        issued_at=copy.issued_at,
        due_at=copy.due_at,
        paid_at=copy.paid_at,
        closed_at=copy.closed_at,
        hosted_url=copy.hosted_url,
        pdf_url=copy.pdf_url,
        customer=copy.customer,
        lines=lines_of(copy.lines),
    )


def lines_of(lines: tuple[InvoiceCopyLine, ...]) -> list[StripeLine]:
    """As they are, with their taxes; where something is given back, what is charged and what is given back as one, with
    the difference: a document's lines are never below zero.
    """
    if all(line.amount >= 0 for line in lines):
        return [_line(line, line.description, line.amount, line.discount, line.tax) for line in lines]
    dearest_first = sorted(lines, key=lambda line: -line.amount)
    words = ", less ".join(line.description for line in dearest_first)
    whole = sum(line.amount for line in lines)
    discount, tax = sum(line.discount for line in lines), sum(line.tax for line in lines)
    rate = next((line for line in dearest_first if line.tax_percent), dearest_first[0])
    return [_line(rate, words, whole, discount, max(tax, 0))]


def _line(rate: InvoiceCopyLine, words: str, amount: int, discount: int, tax: int) -> StripeLine:
    return StripeLine(words, amount, discount=discount, tax=tax, tax_name=rate.tax_name, tax_percent=rate.tax_percent)
