"""The periods that have begun, opened one after the other: claimed a few dozen at a time by any number of workers.

A period that is not paid waits: it is not due before `paid_until` goes beyond its start, and then has its own dates.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from billing.plans.granted import granted_together
from billing.plans.models import Subscription
from billing.plans.periods.opening import periods_open
from billing.plans.periods.versions import version_give
from billing.plans.schedules import schedule_of

AT_ONCE = 50  # wallets that one worker locks together, for some hundredths of a second

_NEEDED = ("version__plan", "credit_tier", "next_version__plan", "next_credit_tier")

_MOVE_ON = """
UPDATE plans_subscription SET period = moved.period, next_period_at = moved.next_at
FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[]) moved(id, period, next_at)
WHERE plans_subscription.id = moved.id
"""


class PeriodFailed(Exception):
    """The next periods of these subscriptions were not opened, because that of one of them could not be; nothing of
    them was written. The cause is chained.
    """

    def __init__(self, subscription_ids: Sequence[int]) -> None:
        super().__init__(f"the next periods of the subscriptions {list(subscription_ids)} could not be opened")
        self.subscription_ids = list(subscription_ids)


def due(now: datetime) -> QuerySet[Subscription]:
    """Subscriptions whose next period has begun, and is given."""
    begun = Subscription.objects.filter(ended_at=None, next_period_at__lte=now)
    paid = begun.filter(Q(paid_until=None) | Q(paid_until__gt=F("next_period_at")))
    return paid.filter(Q(ends_at=None) | Q(ends_at__gt=F("next_period_at")))


def roll(*, now: datetime, limit: int = AT_ONCE, leave_out: Sequence[int] = ()) -> int:
    """Open the next period of up to `limit` subscriptions that are due and that nobody else has, in one transaction;
    how many. Raises PeriodFailed.
    """
    return _roll(due(now).exclude(pk__in=leave_out), now=now, limit=limit)


def roll_of(subscription_id: int, *, now: datetime, before: datetime | None = None) -> bool:
    """Open the next period of this subscription, if it is due (and begins before `before`) and nobody else has it.

    Raises PeriodFailed.
    """
    found = due(now).filter(pk=subscription_id)
    if before is not None:
        found = found.filter(next_period_at__lt=before)
    return _roll(found, now=now, limit=1) > 0


def _roll(found: QuerySet[Subscription], *, now: datetime, limit: int) -> int:
    with granted_together(), transaction.atomic():
        claimed = found.select_for_update(no_key=True, skip_locked=True).order_by("next_period_at", "pk")
        ids = list(claimed.values_list("pk", flat=True)[:limit])
        if not ids:
            return 0
        subscriptions = list(Subscription.objects.select_related(*_NEEDED).filter(pk__in=ids).order_by("pk"))
        try:
            with transaction.atomic():
                _open_next(subscriptions, now=now)
        except Exception as error:
            raise PeriodFailed([subscription.pk for subscription in subscriptions]) from error
    return len(subscriptions)


def roll_one(*, now: datetime, leave_out: Sequence[int] = ()) -> bool:
    """Open the next period of one subscription that is due; False if none is, or others have them all.

    Raises PeriodFailed.
    """
    return roll(now=now, limit=1, leave_out=leave_out) > 0


def catch_up(subscription_id: int, *, now: datetime, before: datetime | None = None) -> None:
    """Open all periods of one subscription that are due (and begin before `before`). Raises PeriodFailed."""
    while roll_of(subscription_id, now=now, before=before):
        pass


def catch_up_all(subscription_ids: Sequence[int], *, now: datetime) -> None:
    """The same for a few dozen subscriptions together."""
    while _roll(due(now).filter(pk__in=subscription_ids), now=now, limit=AT_ONCE):
        pass


def _open_next(subscriptions: Sequence[Subscription], *, now: datetime) -> None:
    for subscription in subscriptions:
        if _changes_now(subscription):
            assert subscription.next_version is not None  # noqa: S101 - for mypy; a constraint of the database
            version_give(
                subscription,
                subscription.next_version,
                credit_tier=subscription.next_credit_tier,
                at=subscription.next_period_at,
                now=now,
            )
        subscription.period += 1
        subscription.next_period_at = schedule_of(subscription).end(subscription.period)
    periods_open(subscriptions, now=now)
    moved = [(each.pk, each.period, each.next_period_at) for each in subscriptions]
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_ON, [list(column) for column in zip(*moved, strict=True)])


def _changes_now(subscription: Subscription) -> bool:
    """Whether a change was to come with this period. Of what is paid through Stripe, Stripe says when it has come."""
    changes_at = subscription.changes_at
    return changes_at is not None and changes_at <= subscription.next_period_at and subscription.stripe_id is None
