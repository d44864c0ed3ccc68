"""Versions that are published, and plans that close to new subscribers, at a time that staff decided."""

import logging
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.foundation.seen import SeenChanged, facts_digest
from billing.plans.models import Plan, PlanVersion
from billing.plans.publishing import (
    draft_hold,
    note_unscheduled,
    plan_save,
    version_problems,
    version_publish,
)
from billing.plans.shown import version_facts

log = logging.getLogger(__name__)


@transaction.atomic
def version_schedule(
    *, version: PlanVersion, at: datetime, seen: str, actor: User, request: HttpRequest | None = None
) -> PlanVersion:
    """Have a draft published at `at` as it is now; a change of the draft takes that back. `seen` is the digest of the
    facts that somebody decided by. Raises ValidationError; DraftPublished, DraftGone and SeenChanged are such.
    """
    version = draft_hold(version.pk)
    tiers = list(version.credit_tiers.all())
    if seen != facts_digest(version_facts(version, tiers)):
        raise SeenChanged
    if problems := version_problems(version, tiers):
        raise ValidationError(problems)
    if at <= clock.now():
        raise ValidationError("Choose a time that is still to come, or publish it now.")
    before = version.publish_at
    version.publish_at, version.publish_by = at, actor.email[:200]
    version.save(update_fields=["publish_at", "publish_by"])
    record(
        action="plan.version_scheduled",
        actor=actor,
        target=str(version),
        before={"publish_at": before},
        after={"publish_at": at},
        request=request,
    )
    return version


@transaction.atomic
def version_unschedule(*, version: PlanVersion, actor: User | str, reason: str, request: HttpRequest | None) -> bool:
    """Whether it was to be published at a time; it stays a draft. Raises DraftPublished, DraftGone."""
    version = draft_hold(version.pk)
    if version.publish_at is None:
        return False
    note_unscheduled(version, actor=actor, reason=reason, request=request)
    version.publish_at, version.publish_by = None, ""
    version.save(update_fields=["publish_at", "publish_by"])
    return True


def publish_due(*, now: datetime, limit: int) -> int:
    """Publish what is due. What cannot be published any more stays a draft, and the audit log says why."""
    due = PlanVersion.objects.filter(published_at=None, publish_at__lte=now).order_by("publish_at", "pk")
    found = list(due.values_list("pk", flat=True)[:limit])
    for pk in found:
        _publish(pk, now)
    return len(found)


def _publish(pk: int, now: datetime) -> None:
    with transaction.atomic():
        rows = PlanVersion.objects.select_for_update(of=("self",), no_key=True).select_related("plan")
        version = rows.filter(pk=pk, published_at=None, publish_at__lte=now).first()
        if version is None:  # somebody was faster, or has taken it back
            return
        by = f"as {version.publish_by} decided"
        try:
            with transaction.atomic():
                version_publish(version=version, actor=by)
        except ValidationError as error:
            log.error("%s was not published: %s", version, " ".join(error.messages))
            version_unschedule(version=version, actor=by, reason=" ".join(error.messages), request=None)


def retire_due(*, now: datetime, limit: int) -> int:
    """Close the plans whose time on offer is over to new subscribers. Who has one keeps it."""
    found = list(Plan.objects.filter(retires_at__lte=now).values_list("pk", flat=True)[:limit])
    for pk in found:
        with transaction.atomic():
            plan = Plan.objects.select_for_update(no_key=True).filter(pk=pk, retires_at__lte=now).first()
            if plan is not None:
                plan.visibility, plan.retires_at = Plan.Visibility.RETIRED, None
                plan_save(plan=plan, actor="as it was decided")
    return len(found)
