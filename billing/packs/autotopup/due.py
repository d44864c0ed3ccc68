"""Which workspaces are due, and deciding on a charge: under the wallet's lock, its row first, then Stripe."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.foundation.site.selectors import site
from billing.gateway.errors import NotConnected, Unavailable
from billing.invoices.seller import seller
from billing.ledger.services import request_hash
from billing.packs.autotopup import notices
from billing.packs.autotopup.charging import ANSWER_BY, top_up_charge
from billing.packs.autotopup.hints import JOB
from billing.packs.autotopup.models import AutoTopUp, TopUp
from billing.packs.autotopup.periods import charged, end_of, start_of
from billing.packs.autotopup.settings import locked, switch_off
from billing.packs.autotopup.sizing import Capped, Charge, size
from billing.packs.autotopup.standing import level, on_its_way
from billing.packs.autotopup.words import NAME, money, reason
from billing.packs.models import Purchase
from billing.packs.selectors import policy

__all__ = ["JOB", "top_ups_due"]

log = logging.getLogger(__name__)
HOUR = timedelta(hours=1)
PATIENCE = 3  # charges without an answer, after which the rest waits for the next run
Status = Purchase.Status
Wait = AutoTopUp.Wait


class NotCharged(RuntimeError):
    """Some top-ups could not be attended to; they will be again."""


def candidates(now: datetime) -> QuerySet[AutoTopUp]:
    """Those that are on, wait for nothing, and whose balance is below the threshold by the wallet's row."""
    flying = Purchase.objects.filter(
        workspace=OuterRef("workspace"), automatic=True, status__in=[Status.OPEN, Status.PAID]
    )
    there = F("workspace__wallet__available") + F("workspace__wallet__held") - F("workspace__wallet__debt")
    rows = AutoTopUp.objects.filter(Q(not_before=None) | Q(not_before__lte=now), ~Exists(flying), enabled=True)
    rows = (
        rows.filter(paused_at=None, workspace__suspended_at=None).annotate(there=there).filter(there__lt=F("threshold"))
    )
    return rows.select_related("workspace").order_by("pk")


def top_ups_due(now: datetime, limit: int) -> int:
    """Charge whoever is due; how many were asked for. Raises NotCharged when some could not be."""
    done, silent, failures = 0, 0, []
    for row in list(candidates(now)[: limit - 1]):
        try:
            top_up = top_up_begin(row.workspace)
            if top_up is not None:
                done += 1
                top_up_charge(top_up)
        except (Unavailable, NotConnected) as error:  # its purchase is looked at again
            failures.append(f"{row.workspace_id}: {error}")
            silent += 1
            if silent >= PATIENCE:
                break
        except Exception as error:  # one workspace keeps no other from its credits
            log.exception("workspace %s could not be topped up", row.workspace_id)
            failures.append(f"{row.workspace_id}: {type(error).__name__}: {error}")
    if failures:
        raise NotCharged(f"{done} top-ups begun, {len(failures)} failed: {'; '.join(failures[:5])}")
    return done


def top_up_begin(workspace: Workspace) -> TopUp | None:
    """Decide on the charge that is due, if one is, and write it down; committed before Stripe is asked. None as well
    where a cap, a pause or an earlier charge says no; each is told once.
    """
    with locked(workspace) as row:
        now = clock.now()
        if not row.enabled or row.paused_at is not None or (row.not_before is not None and row.not_before > now):
            return None
        if Workspace.objects.filter(pk=workspace.pk, suspended_at__isnull=False).exists():
            return None
        if on_its_way(workspace.pk) is not None or (there := level(workspace.pk, now)) >= row.threshold:
            return None
        if row.waits_for == Wait.CONFIRMATION:
            _not_confirmed(row)
            return None
        if _too_many(row, now):
            return None
        terms, spent = row.terms, charged(workspace, now)
        found = size(balance=there, terms=terms, charged=spent, usd_per_credit=site().usd_per_credit)
        if isinstance(found, Capped):
            _capped(row, found, there, now)
            return None
        assert found is not None  # noqa: S101 - the balance is below the threshold
        return _write(row, found, there, now)


def _write(row: AutoTopUp, charge: Charge, there: int, now: datetime) -> TopUp:
    assert row.consent is not None  # noqa: S101 - a constraint says so
    parts = seller()
    purchase = Purchase(
        workspace=row.workspace,
        automatic=True,
        request_hash=request_hash({"top_up": charge.credits, "cents": charge.cents}),
        buyer_label=f"automatic, as agreed to by {row.consent.person_label}"[:200],
        name=NAME,
        credits=charge.credits,
        currency="usd",
        price=charge.cents,
        amount=charge.cents,
        tax_name=parts.tax_name if parts.tax_percent else "",
        tax_percent=parts.tax_percent,
        livemode=settings.STRIPE_LIVE_MODE,
        created_at=now,
        look_at=now + ANSWER_BY,
    )
    purchase.key = f"auto:{purchase.public_id}"
    purchase.save(force_insert=True)
    row.waits_for, row.not_before = "", None
    why = reason(there, row.terms, charge)
    record(
        action="auto_top_up.begun",
        actor="system",
        workspace=row.workspace,
        target=f"{NAME}, {money(charge.cents)}",
        after={"purchase": purchase.public_id, "attempt": row.declines + 1},
        reason=why,
    )
    return TopUp.objects.create(
        purchase=purchase,
        consent=row.consent,
        method=row.consent.method,
        balance=there,
        threshold=row.threshold,
        reason=why[:200],
        attempt=row.declines + 1,
    )


def _too_many(row: AutoTopUp, now: datetime) -> bool:
    """The operator's stop for charges that follow each other too fast."""
    since = max(now - HOUR, row.resumed_at or now - HOUR)
    made = Purchase.objects.filter(workspace=row.workspace, automatic=True, created_at__gt=since).count()
    if made < policy().top_ups_per_hour:
        return False
    row.paused_at = now
    record(action="auto_top_up.paused", actor="system", workspace=row.workspace, reason=f"{made} within an hour")
    log.critical("automatic top-ups of workspace %s are paused: %d within an hour", row.workspace_id, made)
    notices.tell_paused(row, made)
    return True


def _capped(row: AutoTopUp, found: Capped, there: int, now: datetime) -> None:
    until = end_of(found.period, row.workspace, now)
    row.waits_for, row.not_before = found.period, until
    notices.tell_capped(row, found.period, start_of(found.period, row.workspace, now), until, there)


def _not_confirmed(row: AutoTopUp) -> None:
    """The bank wanted the cardholder, who did not pay in time: the next charge would be refused as well."""
    asked = TopUp.objects.filter(purchase__workspace=row.workspace, outcome=TopUp.Outcome.CONFIRMATION)
    last = asked.select_related("purchase").order_by("-pk").first()
    switch_off(row, "Your bank wants you to confirm each payment, and the last one was not confirmed in time.")
    if last is not None:
        notices.tell_off(row, last.purchase)
