"""Work by the clock: payments that are on their way, cards that expire, and whether ledger and Stripe agree."""

from datetime import datetime, timedelta

from billing.foundation.due.registry import due_job
from billing.gateway.customers import workspace_of
from billing.gateway.expiring import cards_expiring
from billing.gateway.looking import connected
from billing.packs.attending import JOB, attend_due
from billing.packs.autotopup import due
from billing.packs.emails import tell_card_expires
from billing.packs.invoicedisputes import JOB as INVOICE_DISPUTES
from billing.packs.invoicedisputes import disputes_look, disputes_missed
from billing.packs.models import Purchase
from billing.packs.reconcile import Differences, reconcile
from billing.packs.x402.sweeping import sweep

CARD_NOTICE = timedelta(days=30)


@due_job(JOB, every=timedelta(seconds=30))
def purchase_looks(*, now: datetime, limit: int) -> int:
    """Ask Stripe about purchases of which something was heard, and those that have been open for 15 minutes."""
    return attend_due(now, limit) if connected() else 0


@due_job(due.JOB, every=timedelta(minutes=1))
def auto_top_ups(*, now: datetime, limit: int) -> int:
    """Charge the cards of workspaces whose balance fell below their bound, as far as a person agreed to it."""
    return due.top_ups_due(now, limit) if connected() else 0


@due_job(INVOICE_DISPUTES, every=timedelta(minutes=1))
def invoice_disputes(*, now: datetime, limit: int) -> int:
    """Ask Stripe about disputes of subscriptions' invoices of which something was heard."""
    return disputes_look(now, limit) if connected() else 0


@due_job("invoice_disputes_missed", every=timedelta(hours=24))
def invoice_disputes_missed(*, now: datetime, limit: int) -> int:
    """Find disputes of subscriptions' invoices of which nothing was heard."""
    return min(disputes_missed(now), limit - 1) if connected() else 0


@due_job("payments_reconcile", every=timedelta(hours=24))
def payments_reconcile(*, now: datetime, limit: int) -> int:
    """Compare purchases, ledger and Stripe; fail, and so be seen on the first page of the admin, when they differ."""
    if not connected() or not Purchase.objects.exists():
        return 0
    run = reconcile(now=now)
    if run.differences:
        raise Differences("; ".join(run.differences[:10]))
    return min(run.purchases, limit - 1)


@due_job("crypto_payments", every=timedelta(seconds=30))
def crypto_payments(*, now: datetime, limit: int) -> int:
    """Finish payments in USDC that a crash or a silent network left on their way."""
    return sweep(now, limit)


@due_job("cards_expiring", every=timedelta(hours=24))
def cards_expiring_soon(*, now: datetime, limit: int) -> int:
    """Tell of saved cards 30 days before they expire, once each."""
    told = 0
    for card in cards_expiring(now, CARD_NOTICE):
        workspace = workspace_of(card.customer)
        if workspace is not None and tell_card_expires(workspace, card):
            told += 1
    return min(told, limit - 1)
