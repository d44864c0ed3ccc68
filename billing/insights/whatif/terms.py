"""What a workspace would pay on a plan: with what that plan takes off, instead of what its own does."""

from datetime import UTC, datetime

from billing.plans.models import PlanVersion
from billing.plans.terms import discounts_of, tiers_of
from billing.pricing.agreed import Discount, Schedule, Terms
from billing.pricing.models import TierSchedule

EVER = datetime.min.replace(tzinfo=UTC)
OF_PLAN = 1  # the audience of a plan's tiers (Schedule.audience)


def takes_off(version: PlanVersion | None) -> bool:
    """Whether prices on this plan are others than the list's."""
    return version is not None and bool(version.discounts or version.tiers)


def has_of_plan(own: Terms) -> bool:
    """Whether a plan takes, or took, something off for the workspace."""
    return bool(own.discounts) or any(schedule.audience == OF_PLAN for schedule in own.schedules)


def terms_on(version: PlanVersion | None, own: Terms) -> Terms:
    """`own` terms of a workspace as if it had been on `version` all the time; what it agreed on by itself stays."""
    discounts: tuple[Discount, ...] = ()
    schedules = tuple(schedule for schedule in own.schedules if schedule.audience != OF_PLAN)
    if version is not None:
        discounts = tuple(
            Discount(-number, wanted.scope, EVER, None, percent=wanted.percent)
            for number, wanted in enumerate(discounts_of(version.discounts), 1)
        )
        schedules += tuple(
            Schedule(
                -number,
                wanted.scope,
                EVER,
                None,
                graduated=wanted.mode == TierSchedule.Mode.GRADUATED,
                steps=wanted.steps,
                audience=OF_PLAN,
            )
            for number, wanted in enumerate(tiers_of(version.tiers), 1)
        )
    return Terms(overrides=own.overrides, discounts=discounts, schedules=schedules)
