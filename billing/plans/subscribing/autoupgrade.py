"""Moving a tier up by itself when a period's credits are used up: only where a person agreed to it, up to the tier and
the money of a calendar month that they agreed to, one step at a time.
"""

import logging
from datetime import UTC, datetime

from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.foundation.due.tasks import run_due_task
from billing.gateway.checkout import Back
from billing.invoices.money import money_text
from billing.ledger.models import Lot
from billing.ledger.records import Crossing
from billing.ledger.services import cut
from billing.plans.models import AutoUpgrade, CreditTier, Subscription, SubscriptionChange
from billing.plans.periods.versions import agreement_end
from billing.plans.selectors import current_subscription
from billing.plans.subscribing import emails
from billing.plans.subscribing.change import change_confirm
from billing.plans.subscribing.choices import Choice, choice_of, higher_tier, price_of
from billing.plans.subscribing.errors import (
    ChangeBusy,
    ChangeGone,
    ChangeRefused,
    ChangeStale,
    NotNow,
    PaymentsDown,
    PaymentsOff,
)
from billing.plans.subscribing.preview import change_preview
from billing.plans.subscribing.spans import present_span

log = logging.getLogger(__name__)
JOB = "auto_upgrades"
Status = SubscriptionChange.Status
AGREEMENT = (
    "When the credits of a period are used up, move this workspace one credit tier up, and charge its card the"
    " difference for the time that is paid for. It never goes beyond the highest tier that is chosen here, nor charges"
    " more in a calendar month (UTC). The higher tier stays until it is changed. This can be switched off any time."
)


def agreement(workspace_id: int) -> AutoUpgrade | None:
    """The one that counts."""
    found = AutoUpgrade.objects.filter(workspace=workspace_id, withdrawn_at=None)
    return found.select_related("highest__version__plan", "agreed_by").first()


def agreement_text(highest: CreditTier, most_cents: int) -> str:
    """What a person agrees to, as it stands on the form, with what they chose; kept with the agreement."""
    name = Choice(highest.version, highest).name
    return f"{AGREEMENT} Highest tier: {name}. At most {money_text(most_cents, 'usd')} in a calendar month."


def tiers_above(row: Subscription | None) -> list[CreditTier]:
    """Those that can be agreed to: sold by the month or year as it pays."""
    if row is None or not row.stripe_id:
        return []
    above = row.credit_tier.number if row.credit_tier else 0
    higher = row.version.credit_tiers.filter(number__gt=above).select_related("version__plan").order_by("number")
    return [tier for tier in higher if price_of(row.version, tier, row.interval)]


def auto_upgrade_agree(
    *, workspace: Workspace, highest: int, most_cents: int, by: User, request: HttpRequest | None = None
) -> AutoUpgrade:
    """Switch it on, in place of an earlier agreement. `highest` is the tier's number. Raises Refused."""
    tier = next((one for one in tiers_above(current_subscription(workspace.pk)) if one.number == highest), None)
    if tier is None:
        raise Refused("Choose a tier above the present one.", field="highest")
    if not 0 < most_cents <= 10_000_000:
        raise Refused("Write an amount between $0.01 and $100,000.", field="most")
    text = agreement_text(tier, most_cents)
    try:
        with transaction.atomic():
            auto_upgrade_withdraw(workspace=workspace, by=by, request=request)
            made = AutoUpgrade.objects.create(
                workspace=workspace, highest=tier, most_cents=most_cents, agreed_by=by, text=text
            )
            record(action="auto_upgrade.agreed", actor=by, workspace=workspace, target=text, request=request)
    except IntegrityError:
        raise Refused("Somebody else has just changed this. Look again.") from None
    transaction.on_commit(hint, robust=True)
    return made


def auto_upgrade_withdraw(*, workspace: Workspace, by: User, request: HttpRequest | None = None) -> bool:
    """Switch it off; False if it was off."""
    with transaction.atomic():
        running = AutoUpgrade.objects.filter(workspace=workspace, withdrawn_at=None)
        if not running.update(withdrawn_at=clock.now(), withdrawn_by=by.email[:200]):
            return False
        record(action="auto_upgrade.withdrawn", actor=by, workspace=workspace, request=request)
    return True


def balance_was_crossed(crossing: Crossing) -> None:
    """Subscriber of `balance_crossed`: less is left. Whether it is the period's credits, the job finds out."""
    running = AutoUpgrade.objects.filter(workspace=crossing.workspace_id, withdrawn_at=None)
    if crossing.after != "healthy" and running.exists():
        hint()


def hint() -> None:
    try:
        run_due_task.apply_async((JOB,), retry=False, expires=60)
    except Exception as error:  # whatever is wrong with the broker, the job runs within a minute
        log.warning("no worker could be told about an automatic upgrade: %s", error)


def auto_upgrade_due(now: datetime, limit: int) -> int:
    """Move up whoever is due; how many were."""
    done = 0
    rows = AutoUpgrade.objects.filter(withdrawn_at=None, workspace__suspended_at=None)
    rows = rows.select_related("highest", "workspace").order_by("pk")
    for agreed in rows.iterator():
        if done >= limit - 1:
            break
        try:
            done += auto_upgrade(agreed, now=now)
        except PaymentsDown:
            log.warning("workspace %s is moved up later: Stripe does not answer", agreed.workspace_id)
    return done


def auto_upgrade(agreed: AutoUpgrade, *, now: datetime) -> bool:
    """Move this one a tier up if that is due and within what was agreed. Once for a tier and period: what was declined
    is not tried again in the period. Raises PaymentsDown: it is tried again.
    """
    row = current_subscription(agreed.workspace_id)
    if row is None or row.status != Subscription.Status.ACTIVE or not used_up(row, now):
        return False
    if SubscriptionChange.objects.filter(workspace=agreed.workspace_id, status=Status.ASKED).exists():
        return False
    if row.version_id != agreed.highest.version_id:  # changed while it was agreed to
        agreement_end(row)
        emails.tell_auto_upgrade_stopped(row, "The plan has changed since it was agreed to. Agree to it anew.")
        return False
    choice = higher_tier(row)
    if choice is None or choice.tier is None:
        return False
    if choice.tier.number > agreed.highest.number:
        return False
    before, key = choice_of(row), f"auto:{agreed.pk}:{row.pk}:{row.period}:{choice.tier.number}:{now:%Y%m}"
    try:
        change = _prepared(agreed, choice, key, now)
        if change is None or change.status != Status.SHOWN:
            return False
        if spent_this_month(agreed.workspace_id, now) + max(change.amount_due, 0) > agreed.most_cents:
            limit = money_text(agreed.most_cents, "usd")
            raise ChangeRefused(f"It would cost more than the {limit} a month that you agreed to.")
        if not AutoUpgrade.objects.filter(pk=agreed.pk, withdrawn_at=None, workspace__suspended_at=None).exists():
            return False  # withdrawn, or suspended, since the run began
        change = change_confirm(change=change, back=_no_page, actor="automatic upgrade")
    except (NotNow, ChangeStale, ChangeBusy, ChangeGone):
        return False
    except (ChangeRefused, PaymentsOff) as refused:
        _not_again(agreed, key, refused.message)
        emails.tell_auto_upgrade_stopped(row, refused.message)
        return False
    if change.status == Status.DONE:
        after = current_subscription(agreed.workspace_id)
        emails.tell_auto_upgraded(after or row, before.name, change.amount_due)
        return True
    emails.tell_auto_upgrade_stopped(row, change.problem or "The payment waits for you.")
    return False


def _not_again(agreed: AutoUpgrade, key: str, problem: str) -> None:
    """Under this agreement, in this period and month."""
    shown = SubscriptionChange.objects.filter(workspace=agreed.workspace_id, key__startswith=key, status=Status.SHOWN)
    shown.update(status=Status.FAILED, problem=cut(problem, 500), done_at=clock.now())


def _prepared(agreed: AutoUpgrade, choice: Choice, key: str, now: datetime) -> SubscriptionChange | None:
    """A preview under that key; where an earlier one was not confirmed in time, another under a key of this minute."""
    known = SubscriptionChange.objects.filter(workspace=agreed.workspace_id, key__startswith=key)
    if known.filter(status__in=[Status.ASKED, Status.DONE, Status.FAILED]).exists():
        return None
    if known.exists():
        known.filter(status=Status.SHOWN).update(status=Status.LAPSED)  # another worker may be doing it by now
        key = f"{key}:{now:%d%H%M}"
    change, _ = change_preview(
        workspace=agreed.workspace,
        choice=choice,
        key=key,
        origin=SubscriptionChange.Origin.AUTOMATIC,
        actor_label=f"automatic upgrade agreed to by {agreed.agreed_by.email}",
    )
    return change if change.kind == SubscriptionChange.Kind.UPGRADE else None


def _no_page(change: SubscriptionChange) -> Back:
    raise AssertionError("an automatic upgrade is never a start")


def used_up(row: Subscription, now: datetime) -> bool:
    """Whether nothing that can be spent is left of what plans gave, in a period that gave something."""
    span = present_span(row)
    if not choice_of(row).monthly_credits or not span.starts_at <= now < span.ends_at:
        return False
    lots = Lot.objects.filter(workspace_id=row.workspace_id, source=Lot.Source.PLAN, expires_at__gt=now)
    given = lots.filter(effective_at__gte=span.starts_at, effective_at__lte=now)
    return given.exists() and not lots.filter(remaining__gt=0, effective_at__lte=now).exists()


def spent_this_month(workspace_id: int, now: datetime) -> int:
    """US cents that automatic upgrades have charged, or are about to charge, in the calendar month (UTC)."""
    start = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    automatic = SubscriptionChange.objects.filter(
        workspace=workspace_id, origin=SubscriptionChange.Origin.AUTOMATIC, at__gte=start, amount_due__gt=0
    )
    total = automatic.filter(status__in=[Status.ASKED, Status.DONE]).aggregate(cents=Sum("amount_due"))["cents"]
    return int(total or 0)
