"""New versions of plans."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.http import HttpRequest

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.services import record, record_change
from billing.foundation.seen import SeenChanged, facts_digest
from billing.plans.ladder import ladder_problems, tiers_written
from billing.plans.models import CreditTier, Plan, PlanVersion
from billing.plans.shown import version_facts


def check_quantities(quantities: Any) -> dict[str, str]:
    """`{meter: quantity}` as stored (decimal strings); raises ValidationError for anything else."""
    if not isinstance(quantities, dict):
        raise ValidationError('Write meters and quantities, such as {"input_characters": "1000"}.')
    checked = {}
    for meter, quantity in quantities.items():
        try:
            number = Decimal(str(quantity))
        except InvalidOperation:
            number = Decimal("NaN")
        if isinstance(quantity, bool) or not number.is_finite() or not 0 <= number < 10**12:
            raise ValidationError(f"{quantity!r} is not a quantity of {meter}.")
        if number != round(number, 9):
            raise ValidationError(f"The quantity of {meter} has more than 9 decimals.")
        checked[str(meter)] = f"{number:f}"
    return checked


def version_problems(version: PlanVersion, tiers: Sequence[CreditTier]) -> list[str]:
    """Why this version cannot be published."""
    problems = ladder_problems(version, tiers)
    if version.yearly_price_cents is not None and not version.monthly_price_cents:
        problems.append("A plan that is free by the month has no price by the year.")
    if version.trial_days and not version.monthly_price_cents:
        problems.append("A plan that is free needs no trial.")
    if version.rollover_cap is not None and not version.rollover_months:
        problems.append("A cap on what rolls over needs months that it rolls over.")
    others = PlanVersion.objects.filter(plan_id=version.plan_id, published_at__isnull=False).exclude(pk=version.pk)
    if others.exclude(periods=version.periods).exists():
        problems.append("All versions of a plan have the same kind of months; make another plan for the other kind.")
    return problems


class DraftPublished(ValidationError):
    """The version that was to be changed is one that customers can have."""

    def __init__(self, version: PlanVersion) -> None:
        super().__init__(
            f"{version} was published meanwhile, and does not change any more. Nothing of this was saved. What you"
            " typed is still here: save it as a new version, if it should be the plan's next one."
        )


class DraftGone(ValidationError):
    """The version that was to be changed or published is not there any more."""

    def __init__(self) -> None:
        super().__init__("Somebody has deleted this draft meanwhile. Nothing was saved or published.")


def _held(pk: int) -> PlanVersion:
    """Nobody changes, publishes or deletes it until the transaction ends. Raises DraftGone."""
    rows = PlanVersion.objects.select_for_update(of=("self",), no_key=True).select_related("plan")
    version = rows.filter(pk=pk).first()
    if version is None:
        raise DraftGone
    return version


def draft_hold(pk: int) -> PlanVersion:
    """The draft, which nobody publishes until the transaction ends. Raises DraftPublished, DraftGone."""
    version = _held(pk)
    if version.published_at is not None:
        raise DraftPublished(version)
    return version


@transaction.atomic
def draft_delete(pk: int) -> None:
    """Raises ValidationError for one that was published, or deleted, meanwhile."""
    version = _held(pk)
    if version.published_at is not None:
        raise ValidationError(f"{version} was published meanwhile. It stays: customers can have it.")
    version.delete()


@transaction.atomic
def draft_save(
    *,
    version: PlanVersion,
    credit_tiers: Sequence[CreditTier],
    actor: User | str = "system",
    request: HttpRequest | None = None,
) -> PlanVersion:
    """Keep a version that nobody can have yet, with its ladder. One that was to be published at a time is not any more:
    what was decided was another one. Raises DraftPublished, DraftGone.
    """
    if version.pk is None:
        version.number = _next_number(version)
    elif (before := draft_hold(version.pk)).publish_at is not None:
        note_unscheduled(before, actor=actor, reason="The draft was changed.", request=request)
    version.publish_at, version.publish_by = None, ""
    version.save()
    version.credit_tiers.all().delete()
    for tier in credit_tiers:
        tier.pk, tier.version = None, version
    CreditTier.objects.bulk_create(credit_tiers)
    return version


def note_unscheduled(version: PlanVersion, *, actor: User | str, reason: str, request: HttpRequest | None) -> None:
    """In the audit log: it is not published at its time by itself any more."""
    record(
        action="plan.version_unscheduled",
        actor=actor,
        target=str(version),
        before={"publish_at": version.publish_at},
        after={"publish_at": None},
        reason=reason,
        request=request,
    )


@transaction.atomic
def version_publish(
    *, version: PlanVersion, actor: User | str, request: HttpRequest | None = None, seen: str | None = None
) -> PlanVersion:
    """Publish `version`, a draft or a new one as the next number of its plan. Whoever is on an older one stays on it.
    `seen`: the digest of the facts that somebody decided by (`facts_digest`).

    Raises ValidationError; DraftGone and SeenChanged are such.
    """
    if version.pk is None:
        version.number = _next_number(version)
        version.save(force_insert=True)
    # Two who publish it at the same time: the second one finds it published.
    version = _held(version.pk)
    if version.published_at is not None:
        return version
    tiers = list(version.credit_tiers.all())
    if seen is not None and seen != facts_digest(version_facts(version, tiers)):
        raise SeenChanged
    if problems := version_problems(version, tiers):
        raise ValidationError(problems)
    version.published_at = clock.now()
    version.publish_at, version.publish_by = None, ""
    version.save(update_fields=["published_at", "publish_at", "publish_by"])
    record(
        action="plan.version_published",
        actor=actor,
        target=str(version),
        after={
            "monthly_price_cents": version.monthly_price_cents,
            "yearly_price_cents": version.yearly_price_cents,
            "trial_days": version.trial_days,
            "periods": version.periods,
            "monthly_credits_nano": str(version.monthly_credits),
            "rollover_months": version.rollover_months,
            "rollover_cap_nano": None if version.rollover_cap is None else str(version.rollover_cap),
            "credit_price": None if version.credit_price is None else str(version.credit_price),
            "credit_tiers": tiers_written(tiers),
            "allowances": version.allowances,
            "request_limits": version.request_limits,
            "qualities": version.qualities,
            "concurrency": version.concurrency,
            "overdraft_nano": str(version.overdraft),
            "discounts": version.discounts,
            "tiers": version.tiers,
        },
        request=request,
    )
    return version


@transaction.atomic
def plan_save(*, plan: Plan, actor: User | str, request: HttpRequest | None = None) -> Plan:
    """Keep a plan's name, place, who it is offered to and until when; the latter two with an audit entry."""
    known = Plan.objects.select_for_update(no_key=True).filter(pk=plan.pk).first()
    plan.save()
    before = _offered(known) if known else {"visibility": None, "retires_at": None}
    record_change(
        action="plan.visibility", actor=actor, target=plan.key, before=before, after=_offered(plan), request=request
    )
    return plan


def _offered(plan: Plan) -> dict[str, Any]:
    return {"visibility": plan.visibility, "retires_at": plan.retires_at}


def _next_number(version: PlanVersion) -> int:
    Plan.objects.select_for_update(no_key=True).get(pk=version.plan_id)
    last = PlanVersion.objects.filter(plan_id=version.plan_id).aggregate(number=Max("number"))["number"] or 0
    return int(last) + 1
