"""Disputes of payments that are no purchases: those of subscriptions' invoices. Stripe keeps what becomes of them; here
they end automatic top-ups, as the dispute of a purchase does, and operators are told.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.due.tasks import run_due_task
from billing.gateway.customers import customers_exist, workspace_of
from billing.gateway.errors import NotConnected, Refused, Unavailable
from billing.gateway.looking import Dispute, dispute_named, disputes_since
from billing.packs import emails
from billing.packs.attending import notice_write
from billing.packs.autotopup.disputes import payment_was_disputed
from billing.packs.autotopup.models import InvoiceDispute
from billing.packs.models import Purchase

log = logging.getLogger(__name__)
JOB = "invoice_disputes"
RETRY = timedelta(minutes=1)
BACK = timedelta(days=45)  # of older ones whose webhook was lost nobody is told


class NotLookedAt(RuntimeError):
    """Some disputes could not be asked about; they will be again."""


def dispute_notice(stripe_id: str, *, livemode: bool) -> None:
    """Remember that something happened to a dispute, and have a worker ask once that is committed."""
    if len(stripe_id) > 255 or "\0" in stripe_id:
        return
    row, made = InvoiceDispute.objects.get_or_create(stripe_id=stripe_id, defaults={"livemode": livemode})
    if not made:
        InvoiceDispute.objects.filter(pk=row.pk, counted_at=None).update(look_at=clock.now())
    transaction.on_commit(_hint, robust=True)


def _hint() -> None:
    try:
        run_due_task.apply_async((JOB,), retry=False, expires=60)
    except Exception as error:  # whatever is wrong with the broker, the job finds the row within a minute
        log.warning("no worker could be told about a dispute: %s", error)


def disputes_look(now: datetime, limit: int) -> int:
    """Ask about those of which something was heard; how many. What belongs to Stripe's other mode (test, live) waits
    for it. Raises NotLookedAt when some could not be.
    """
    rows = InvoiceDispute.objects.filter(look_at__lte=now, livemode=settings.STRIPE_LIVE_MODE).order_by("look_at", "pk")
    done, failures = 0, []
    for row in list(rows[:limit]):
        InvoiceDispute.objects.filter(pk=row.pk, counted_at=None).update(look_at=clock.now() + RETRY)
        try:
            _look(row)
        except (Unavailable, NotConnected) as error:
            failures.append(f"{row.stripe_id}: {error}")
            break
        except Exception as error:  # one dispute keeps no other waiting
            log.exception("dispute %s could not be looked at", row.stripe_id)
            failures.append(f"{row.stripe_id}: {type(error).__name__}: {error}")
        else:
            done += 1
    if failures:
        raise NotLookedAt(f"{done} disputes looked at, {len(failures)} not: {'; '.join(failures[:5])}")
    return done


def disputes_missed(now: datetime) -> int:
    """Take note of those of the last 45 days of which nothing was heard; how many. Raises GatewayError."""
    if not customers_exist():
        return 0
    found = [each for each in disputes_since(now - BACK) if each.open or each.lost]
    known = InvoiceDispute.objects.filter(stripe_id__in=[each.id for each in found]).values_list("stripe_id", flat=True)
    ours = Purchase.objects.filter(payment_id__in=[each.payment for each in found]).values_list("payment_id", flat=True)
    left_out = {*known, *ours}
    missed = [each.id for each in found if left_out.isdisjoint((each.id, each.payment))]
    for stripe_id in missed:
        dispute_notice(stripe_id, livemode=settings.STRIPE_LIVE_MODE)
    return len(missed)


def _look(row: InvoiceDispute) -> None:
    try:
        dispute, customer = dispute_named(row.stripe_id)
    except Refused as error:
        if error.code != "resource_missing":
            raise
        log.error("Stripe has no dispute %s", row.stripe_id)
        InvoiceDispute.objects.filter(pk=row.pk).update(look_at=None)
        return
    purchase = Purchase.objects.filter(payment_id=dispute.payment).first()
    workspace = workspace_of(customer) if customer else None
    if purchase is not None:  # its payment was not kept yet when the dispute was heard of
        InvoiceDispute.objects.filter(pk=row.pk).update(look_at=None)
        notice_write(purchase, "dispute")
    elif workspace is None or not (dispute.open or dispute.lost):  # an inquiry moves no money
        InvoiceDispute.objects.filter(pk=row.pk).update(look_at=None)
    else:
        _count(row.pk, workspace, dispute)


@transaction.atomic
def _count(pk: int, workspace: Workspace, dispute: Dispute) -> None:
    row = InvoiceDispute.objects.select_for_update().get(pk=pk)
    if row.counted_at is not None:
        return
    row.workspace, row.amount, row.currency = workspace, dispute.amount, dispute.currency
    row.counted_at, row.look_at = clock.now(), None
    row.save()
    stopped = payment_was_disputed(
        workspace=workspace,
        amount=dispute.amount,
        currency=dispute.currency,
        what="an invoice",
        dispute=dispute.id,
    )
    emails.tell_invoice_dispute(workspace, dispute, top_ups_off=stopped)
