"""Attending to subscriptions of which something was heard, or that have to be asked about: one after the other, each
outside any transaction while Stripe is waited for.
"""

import logging
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from billing.credits import clock
from billing.foundation.due.tasks import run_due_task
from billing.gateway.errors import NotConnected, Refused, Unavailable
from billing.gateway.subscriptions import subscription
from billing.plans.models import SubscriptionChange, SubscriptionNotice
from billing.plans.subscribing import emails
from billing.plans.subscribing.change import change_look
from billing.plans.subscribing.following import subscription_follow
from billing.plans.subscribing.state import NotOurs

log = logging.getLogger(__name__)
JOB = "subscription_looks"
PATIENCE = 3  # calls without an answer, after which the rest waits for the next run
RETRY = timedelta(minutes=1)


class NotAttended(RuntimeError):
    """Some subscriptions could not be attended to; they will be again."""


def notice_write(stripe_id: str, about: str) -> None:
    """Remember that something happened, and have a worker look once that is committed. Takes no lock."""
    SubscriptionNotice.objects.create(stripe_id=stripe_id[:255], about=about[:80])
    transaction.on_commit(hint, robust=True)


def hint() -> None:
    try:
        run_due_task.apply_async((JOB,), retry=False, expires=60)
    except Exception as error:  # whatever is wrong with the broker, the job finds the notice within a minute
        log.warning("no worker could be told about a subscription: %s", error)


def attend_due(now: datetime, limit: int) -> int:
    """Attend to what is due; how many were. Raises NotAttended when some could not be."""
    noticed = SubscriptionNotice.objects.filter(at__lte=now).order_by("at", "pk").values_list("stripe_id", flat=True)
    changes = SubscriptionChange.objects.filter(look_at__lte=now).order_by("look_at").values_list("pk", flat=True)
    work = [partial(_change, pk) for pk in changes[:limit]]
    work += [partial(attend, key) for key in dict.fromkeys(noticed[:limit])]
    done, silent, failures = 0, 0, []
    for act in work[:limit]:
        what = act.args[0]
        try:
            act()
        except (Unavailable, NotConnected) as error:
            failures.append(f"{what}: {error}")
            silent += 1
            if silent >= PATIENCE:
                break
        except Exception as error:  # one subscription keeps no other waiting
            log.exception("%s could not be attended to", what)
            failures.append(f"{what}: {type(error).__name__}: {error}")
        else:
            done += 1
    if failures:
        raise NotAttended(f"{done} subscriptions attended to, {len(failures)} not: {'; '.join(failures[:5])}")
    return done


def attend(stripe_id: str) -> None:
    """Ask Stripe about it, and apply what it answers. What fails is due again in a minute."""
    present = clock.now()
    rows = SubscriptionNotice.objects.filter(stripe_id=stripe_id, at__lte=present)
    seen = list(rows.values_list("pk", flat=True))
    SubscriptionNotice.objects.filter(pk__in=seen).update(at=present + RETRY)
    try:
        state = subscription(stripe_id)
    except Refused as error:
        if error.code != "resource_missing":
            raise
        log.error("Stripe has no subscription %s", stripe_id)
    else:
        try:
            subscription_follow(state)
        except NotOurs as error:  # asking again changes nothing until a person has looked
            log.critical("%s", error)
            emails.tell_operators(stripe_id, str(error))
    SubscriptionNotice.objects.filter(pk__in=seen).delete()


def _change(pk: int) -> None:
    SubscriptionChange.objects.filter(pk=pk).update(look_at=clock.now() + RETRY)
    change_look(SubscriptionChange.objects.get(pk=pk))
