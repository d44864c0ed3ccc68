"""Do purchases, ledger and Stripe agree? Compared from the rows and from what Stripe answers; nothing is repaired."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet, Sum

from billing.credits import clock
from billing.credits.units import credits
from billing.gateway.errors import Refused
from billing.gateway.looking import disputes_of, disputes_since, payments_since, refunds_since
from billing.gateway.payments import Payment
from billing.gateway.payments import payment as payment_at_stripe
from billing.ledger.models import Transfer
from billing.ledger.records import Problem
from billing.ledger.takenback import expired, taken_back
from billing.packs import emails
from billing.packs.creditnotes import kept_by_documents
from billing.packs.fulfilment import NAMESPACE, grant_key, lots_of
from billing.packs.models import MoneyBack, Purchase, Reconciliation
from billing.packs.shares import share

log = logging.getLogger(__name__)
BACK = timedelta(days=45)  # of older payments those of which something was refunded or disputed since
IN_FLIGHT = timedelta(hours=2)  # so long a purchase that is open, or paid, may be on its way
Status = Purchase.Status
Gone = MoneyBack.Status
Granted = dict[tuple[int, str], int]  # workspace, key of the operation → nano-credits


class Differences(RuntimeError):
    """Something does not agree."""


def reconcile(*, now: datetime, since: datetime | None = None) -> Reconciliation:
    """Compare what was paid, refunded or disputed `since` then (45 days), keep the result and tell operators of
    differences. What differs is asked for once more before it counts: payments go on meanwhile.

    Not to be called within a transaction. Raises GatewayError.
    """
    started, since = clock.now(), since or now - BACK
    theirs = {one.id: one for one in payments_since(since) if "purchase" in one.metadata}
    disputed: Counter[str] = Counter()
    touched = {refund.payment for refund in refunds_since(since)}
    for dispute in disputes_since(since):
        touched.add(dispute.payment)
        if dispute.open or dispute.lost:
            disputed[dispute.payment] += dispute.amount
    rows = _rows().filter(Q(created_at__gte=since) | Q(payment_id__in=touched), livemode=settings.STRIPE_LIVE_MODE)
    ours = list(rows.prefetch_related("money_back"))
    granted = _granted({purchase.workspace_id for purchase in ours}, since)
    found = [*_unknown(theirs, ours)]
    for purchase in ours:
        payment = theirs.get(purchase.payment_id or "")
        recent = purchase.created_at >= since  # of an older one the lists above do not have everything
        if not recent or [*_differs(purchase, payment, disputed[purchase.payment_id or ""], granted)]:
            found += [f"{purchase.public_id}: {what}" for what in _differs_now(purchase.pk)]
    run = Reconciliation.objects.create(
        started_at=started,
        finished_at=clock.now(),
        since=since,
        payments=len(theirs),
        purchases=len(ours),
        differences=found,
    )
    for difference in found:
        log.critical("ledger and Stripe differ: %s", difference)
    if found:
        emails.tell_differences(run)
    return run


def _rows() -> QuerySet[Purchase]:
    return Purchase.objects.select_related("workspace", "document", "lot", "bonus_lot", "promotion_lot")


def _differs_now(pk: int) -> list[str]:
    purchase = _rows().get(pk=pk)
    payment, disputed = None, 0
    if purchase.payment_id:
        try:
            payment = payment_at_stripe(purchase.payment_id)
        except Refused:  # there is none of this id
            payment = None
        if payment is not None:
            disputed = sum(each.amount for each in disputes_of(payment.id) if each.open or each.lost)
        purchase = _rows().get(pk=pk)  # as it is after Stripe was asked
    return [*_differs(purchase, payment, disputed, _granted({purchase.workspace_id}))]


def verify_purchases(workspace_id: int) -> list[Problem]:
    """Part of verify_ledger: every credited purchase has its credits, once, and gave up what went back."""
    found: list[Problem] = []
    rows = Purchase.objects.filter(workspace=workspace_id, status=Status.FULFILLED)
    granted = _granted({workspace_id})
    for purchase in rows.select_related("lot", "bonus_lot", "promotion_lot").prefetch_related("money_back"):
        said = [*_credited(purchase, granted), *_gone(purchase)]
        found += [Problem(workspace_id, "purchase", f"{purchase.public_id} {what}") for what in said]
    return found


def _unknown(theirs: dict[str, Payment], ours: list[Purchase]) -> Iterator[str]:
    known = {purchase.payment_id for purchase in ours}
    for payment in theirs.values():
        if payment.paid and payment.id not in known:
            named = Purchase.objects.filter(public_id=payment.metadata["purchase"]).first()
            if named is None:
                yield f"{payment.id}: paid, and no purchase here knows of it"
            elif named.payment_id != payment.id and not (named.status == Status.OPEN and _young(named.created_at)):
                yield f"{payment.id}: paid for {named.public_id}, which is {named.status}"


def _young(at: datetime | None) -> bool:
    """Whether its time has not come yet: it is being attended to."""
    return at is not None and at > clock.now() - IN_FLIGHT


def _granted(workspaces: Iterable[int], since: datetime | None = None) -> Granted:
    """What purchases brought, by workspace and the key of the operation: one query."""
    rows = Transfer.objects.filter(workspace__in=workspaces, operation__namespace=NAMESPACE, kind__startswith="grant.")
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    summed = rows.values("workspace_id", "operation__key").annotate(nano=Sum("amount"))
    return {(row["workspace_id"], row["operation__key"]): int(row["nano"]) for row in summed}


def _differs(purchase: Purchase, payment: Payment | None, disputed: int, granted: Granted) -> Iterator[str]:
    """`disputed`: minor units of open and lost disputes at Stripe."""
    if purchase.status == Status.FAILED and payment is not None:
        if payment.paid and (left := payment.received - payment.refunded - disputed) > 0:
            yield f"failed here, and {left} {payment.currency} of it are still at Stripe"
        return
    if purchase.status not in (Status.PAID, Status.FULFILLED):
        return
    if payment is None:
        yield f"{purchase.status} here, Stripe has no payment {purchase.payment_id}"
        return
    if not payment.paid or (payment.received, payment.currency) != (purchase.amount, purchase.currency):
        got = f"{payment.received} {payment.currency}, {payment.status}"
        yield f"{purchase.amount} {purchase.currency} here, Stripe has {got}"
    if purchase.status == Status.PAID:
        if not _young(purchase.paid_at):
            yield "paid, and not credited"
        return
    yield from _credited(purchase, granted)
    yield from _gone(purchase)
    refunds = _sum(purchase, MoneyBack.Kind.REFUND, (Gone.OPEN, Gone.GONE))
    if refunds != payment.refunded:
        yield f"{refunds} refunded here, {payment.refunded} at Stripe"
    if (here := _sum(purchase, MoneyBack.Kind.DISPUTE, (Gone.OPEN, Gone.GONE))) != disputed:
        yield f"{here} disputed here, {disputed} at Stripe"
    gone = sum(back.amount for back in purchase.money_back.all() if back.status == Gone.GONE)
    kept = max(purchase.amount - gone, 0)
    if (documents := kept_by_documents(purchase)) != kept:
        yield f"{kept} of it are kept, invoices less credit notes say {documents}"


def _sum(purchase: Purchase, kind: str, statuses: tuple[str, ...]) -> int:
    return sum(back.amount for back in purchase.money_back.all() if back.kind == kind and back.status in statuses)


def _credited(purchase: Purchase, granted: Granted) -> Iterator[str]:
    for part, _, nano in lots_of(purchase):
        moved = granted.get((purchase.workspace_id, grant_key(purchase, part)), 0)
        if moved != nano:
            yield f"promised {credits(nano):f} credits ({part or 'bought'}), {credits(moved):f} were granted"


def _gone(purchase: Purchase) -> Iterator[str]:
    """The lots have given up, or lost by their date, at least the share of the money that is away (staff may have taken
    more).
    """
    rows = list(purchase.money_back.all())
    out = sum(back.amount for back in rows if back.credits_are_out)
    if not out:
        return
    for part, lot in (("bought", purchase.lot), ("bonus", purchase.bonus_lot), ("promotion", purchase.promotion_lot)):
        if lot is None:
            continue
        due = share(lot.amount, min(out, purchase.amount), purchase.amount)
        if taken_back(purchase.workspace_id, lot.seq) + expired(lot.pk) < due:
            yield f"{credits(due):f} credits ({part}) went back with the money, the ledger took less"
