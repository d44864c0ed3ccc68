"""What a workspace wants to be told of."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from django.db import transaction
from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import User, Workspace
from billing.alerts.usage.engine import PERCENTS
from billing.alerts.usage.looking import look
from billing.alerts.usage.models import AlertSettings
from billing.credits import clock
from billing.credits.units import AmountOutOfRange, in_range
from billing.foundation.audit.services import record_change
from billing.invoices.money import money_text
from billing.plans.low import Own, low_bound_refresh

MOST_DAYS = 90
LEAST_CENTS, MOST_CENTS = 1, 100_000_000  # of a month: the API and the page have the same


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """`percents` of 50, 75, 90, 100. `low_credits`: nano-credits; neither that nor `low_days`: the default bound."""

    percents: tuple[int, ...] = PERCENTS
    low_credits: int | None = None
    low_days: int | None = None
    month_cents: int | None = None


def settings_of(workspace: Workspace) -> Wanted:
    row = AlertSettings.objects.filter(pk=workspace.pk).first() or AlertSettings(workspace=workspace)
    return _wanted(row)


def own_bounds_of(workspace_ids: Sequence[int]) -> Mapping[int, Own]:
    """Subscriber of the plans' `own_bounds`."""
    rows = AlertSettings.objects.filter(pk__in=workspace_ids).values_list("pk", "low_credits", "low_days")
    return {pk: Own(credits, days) for pk, credits, days in rows if credits is not None or days is not None}


def alerts_set(*, workspace: Workspace, wanted: Wanted, actor: User | str, request: HttpRequest | None = None) -> bool:
    """Save; whether something changed. What is reached already by a new share or sum is not told. Raises Refused."""
    _check(wanted)
    with transaction.atomic():
        AlertSettings.objects.bulk_create([AlertSettings(workspace=workspace)], ignore_conflicts=True)
        row = AlertSettings.objects.select_for_update(of=("self",)).get(pk=workspace.pk)
        before = _wanted(row)
        for percent in PERCENTS:
            setattr(row, f"at_{percent}", percent in wanted.percents)
        row.low_credits, row.low_days, row.month_cents = wanted.low_credits, wanted.low_days, wanted.month_cents
        row.updated_at = clock.now()
        row.save()
        changed = record_change(
            action="alerts.changed",
            actor=actor,
            workspace=workspace,
            target="usage alerts",
            before=asdict(before),
            after=asdict(_wanted(row)),
            request=request,
        )
    if changed:
        look([workspace.pk], quiet=True)
        low_bound_refresh(workspace.pk)
    return bool(changed)


def _wanted(row: AlertSettings) -> Wanted:
    return Wanted(
        percents=tuple(row.percents),
        low_credits=row.low_credits,
        low_days=row.low_days,
        month_cents=row.month_cents,
    )


def _check(wanted: Wanted) -> None:
    if not set(wanted.percents) <= set(PERCENTS):
        raise Refused("Of 50, 75, 90 and 100 percent.", field="percents")
    if wanted.low_credits is not None:
        try:
            in_range(wanted.low_credits)
        except AmountOutOfRange as error:
            raise Refused("This is more than can be counted.", field="low_credits") from error
        if wanted.low_credits <= 0:
            raise Refused("Write a balance above 0, or nothing.", field="low_credits")
    if wanted.low_days is not None and not 1 <= wanted.low_days <= MOST_DAYS:
        raise Refused(f"From 1 to {MOST_DAYS} days.", field="low_days")
    if wanted.month_cents is not None and not LEAST_CENTS <= wanted.month_cents <= MOST_CENTS:
        bounds = f"From {money_text(LEAST_CENTS, 'usd')} to {money_text(MOST_CENTS, 'usd')}."
        raise Refused(bounds, field="month_cents")
