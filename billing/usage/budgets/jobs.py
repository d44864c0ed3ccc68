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
from billing.foundation.mail.telling import News, tell
from billing.foundation.site.selectors import site
from billing.usage.budgets.models import BudgetPeriod, KeyPace
from billing.usage.budgets.recount import PERCENTS, reached
from billing.usage.budgets.selectors import budget_of
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
    """Running periods of which people do not know yet how much is used, or that a request was refused."""
    nearly, wholly = PERCENTS
    used_up = Q(spent__gte=F("budget__amount"), told_percent__lt=wholly)
    nearly_used = Q(spent__gte=F("budget__amount") - F("budget__amount") / 5, told_percent__lt=nearly)  # rounded up
    refused = Q(refused_at__isnull=False, refusal_told=False)
    return BudgetPeriod.objects.filter(used_up | nearly_used | refused, starts_at__lte=now, ends_at__gt=now)


def _tell_of_a_budget(now: datetime) -> bool:
    with transaction.atomic():
        period = (
            due(now)
            .select_related("budget__workspace", "budget__member", "budget__api_key__created_by")
            .select_for_update(of=("self",), no_key=True, skip_locked=True)
            .order_by("pk")
            .first()
        )
        if period is None:
            return False
        standing = budget_of(period.budget.workspace, period.budget_id, now)
        percent = reached(int(period.spent), period.budget.amount)
        refuses = period.refused_at is not None and not period.refusal_told
        if standing is not None and (percent > period.told_percent or refuses):
            _tell_how_it_stands(period, standing, percent=percent, refuses=refuses)
        period.told_percent = max(percent, period.told_percent)
        period.refusal_told = period.refused_at is not None
        period.save(update_fields=["told_percent", "refusal_told"])
    return True


def _tell_how_it_stands(period: BudgetPeriod, standing: Standing, *, percent: int, refuses: bool) -> None:
    """One message for what is new: how much is used, or else that a request needed more than is left."""
    budget = period.budget
    name = standing.called(budget.workspace.name)
    whose = f"{name} of {budget.workspace}" if standing.name else name  # of a project, a key or a member of it
    if percent >= max(PERCENTS):
        news, subject = "used", f"{whose} is used up" + (": requests are refused" if standing.stops else "")
    elif percent > period.told_percent:
        news, subject = "used", f"{whose} is used to {percent}%"
    else:
        news, subject = "refused", f"{whose} has refused a request that needed more than is left"
    _send(
        workspace=budget.workspace,
        also=budget.api_key.created_by if budget.api_key else budget.member,
        subject=subject,
        template="budgets/email/budget.txt",
        context={"standing": standing, "name": name, "full": percent >= max(PERCENTS), "refuses": refuses},
        kind="budget.used",
        key=f"budget:{budget.pk}:{budget.changes}:{period.starts_at.isoformat()}:{news}:{percent}",
    )


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
            subject=f"The API key {pace.api_key.name} of {pace.workspace} was paused: it spent far more than usual",
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
    link = settings.SITE_URL + reverse("budgets:list", args=[workspace.public_id])
    text = render_to_string(template, context | {"workspace": workspace, "site": site()})
    tell(News(workspace, kind, key, subject, text, link, "See budgets and paused keys"), to=addresses)
