"""The periods of a subscription as changes need them."""

from dataclasses import dataclass
from datetime import datetime

from billing.plans import calendar
from billing.plans.calendar import Schedule
from billing.plans.models import PlanVersion, Subscription
from billing.plans.periods.due import catch_up
from billing.plans.schedules import schedule_for, schedule_of
from billing.plans.subscribing.choices import Choice


@dataclass(frozen=True)
class Span:
    """One period."""

    schedule: Schedule
    number: int

    @property
    def starts_at(self) -> datetime:
        return self.schedule.start(self.number)

    @property
    def ends_at(self) -> datetime:
        return self.schedule.end(self.number)

    def credits_until(self, version: PlanVersion) -> datetime:
        return self.schedule.credits_until(self.number, rollover_months=version.rollover_months)


def present_span(row: Subscription) -> Span:
    """The last period that was given."""
    return Span(schedule_of(row), row.period)


def first_credits(choice: Choice, anchor: datetime) -> tuple[int, datetime]:
    """Nano-credits of the first period of what begins at `anchor`, and until when they are good."""
    schedule = schedule_for(choice.version, anchor)
    until = schedule.credits_until(0, rollover_months=choice.version.rollover_months)
    return int(choice.monthly_credits * schedule.share(0)), until


def periods_open(row: Subscription, *, now: datetime, before: datetime | None = None) -> None:
    """Give the periods that have begun (`before` then) and are paid, with their own dates. The row is locked and
    saved.
    """
    catch_up(row.pk, now=now, before=before)
    row.refresh_from_db()


def goes_on(row: Subscription, anchor: datetime) -> bool:
    """Whether periods counted from `anchor` are those of the row."""
    number = calendar.period_at(row.anchor, anchor)
    return anchor.day == row.anchor.day and calendar.period_start(row.anchor, number) == anchor
