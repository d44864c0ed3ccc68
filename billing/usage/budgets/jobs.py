"""What people are told of budgets and paused keys, once each. Found by a query every minute."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.foundation.due.registry import due_job
from billing.foundation.outbox.services import send
from billing.foundation.site.selectors import site
from billing.usage.budgets.holding import standings
from billing.usage.budgets.models import BudgetPeriod, KeyPace
from billing.usage.budgets.recount import PERCENTS
from billing.usage.budgets.rules import read_rules
from billing.usage.errors import Standing


@due_job("budget_alerts", every=timedelta(minutes=1))
def budget_alerts(*, now: datetime, limit: int) -> int:
    """Tell people that four fifths of a budget are used, and that all of it is."""
    return _repeat(lambda: _tell_of_a_budget(now), limit)


@due_job("paused_keys", every=timedelta(minutes=1))
def paused_keys(*, now: datetime, limit: int) -> int:
    """Tell people of keys that were paused."""
    return _repeat(lambda: _tell_of_a_key(now), limit)


def _repeat(tell: Callable[[], bool], limit: int) -> int:
    done = 0
    while done < limit and tell():
        done += 1
    return done


def due(now: datetime) -> QuerySet[BudgetPeriod]:
    """Running periods of which people do not know yet how much is used. A budget that refused a request is used up."""
    nearly, wholly = PERCENTS
    full = Q(spent__gte=F("budget__amount")) | Q(refused_at__isnull=False)
    most = Q(spent__gte=F("budget__amount") - F("budget__amount") / 5)  # whole numbers: four fifths, rounded up
    running = BudgetPeriod.objects.filter(starts_at__lte=now, ends_at__gt=now)
    return running.filter((full & Q(told_percent__lt=wholly)) | (most & Q(told_percent__lt=nearly)))


def _tell_of_a_budget(now: datetime) -> bool:
    with transaction.atomic():
        period = (
            due(now)
            .select_related("budget__workspace")
            .select_for_update(of=("self",), no_key=True, skip_locked=True)
            .order_by("pk")
            .first()
        )
        if period is None:
            return False
        budget = period.budget
        full = period.spent >= budget.amount or period.refused_at is not None
        period.told_percent = max(PERCENTS) if full else min(PERCENTS)
        period.save(update_fields=["told_percent"])
        rules = read_rules(budget.workspace_id)
        standing = standings(rules, [rule for rule in rules.all if rule.id == budget.pk], now)[0]
        maker = budget.api_key.created_by if budget.api_key else budget.member
        _send(
            workspace=budget.workspace,
            also=maker,
            subject=_subject(standing, full=full),
            template="budgets/email/budget.txt",
            context={"standing": standing, "full": full, "refused": period.refused_at is not None},
            kind="budget.used",
            key=f"budget:{budget.pk}:{period.starts_at.isoformat()}:{budget.amount}:{period.told_percent}",
        )
    return True


def _subject(standing: Standing, *, full: bool) -> str:
    if not full:
        return f"{standing.what} is used to {min(PERCENTS)} %"
    return f"{standing.what} is used up" + (": requests are refused" if standing.stops else "")


def _tell_of_a_key(now: datetime) -> bool:
    with transaction.atomic():
        pace = (
            KeyPace.objects.filter(paused_at__isnull=False, told_at=None)
            .select_related("api_key__created_by", "workspace")
            .select_for_update(of=("self",), no_key=True, skip_locked=True)
            .order_by("paused_at")
            .first()
        )
        if pace is None or pace.paused_at is None:
            return False
        pace.told_at = now
        pace.save(update_fields=["told_at"])
        _send(
            workspace=pace.workspace,
            also=pace.api_key.created_by,
            subject=f"The API key {pace.api_key.name} was paused: it spent far more than usual",
            template="budgets/email/paused.txt",
            context={"pace": pace, "key": pace.api_key},
            kind="api_key.paused",
            key=f"api-key-paused:{pace.api_key_id}:{pace.paused_at.isoformat()}",
        )
    return True


def _send(
    *,
    workspace: Workspace,
    also: User | None,
    subject: str,
    template: str,
    context: dict[str, object],
    kind: str,
    key: str,
) -> None:
    """To owners, admins and billing managers, and to the person whose budget or key it is."""
    told = Q(role__in=(Role.OWNER, Role.ADMIN, Role.BILLING))
    if also is not None:
        told |= Q(user=also)
    members = Membership.objects.filter(told, workspace=workspace, user__is_active=True).select_related("user")
    addresses = [member.user.email for member in members.order_by("created_at", "pk")]
    if not addresses:
        return
    link = settings.SITE_URL + reverse("budgets:list", args=[workspace.public_id])
    shared = {"workspace": workspace, "product": site().product_name, "site": site(), "link": link}
    send(
        to=addresses,
        subject=subject,
        text=render_to_string(template, context | shared),
        kind=kind,
        key=key,
        workspace=workspace,
    )
