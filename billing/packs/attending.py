"""Attending to purchases of which something was heard, or has not been for too long."""

import logging
from datetime import datetime

from django.conf import settings
from django.db import transaction

from billing.credits import clock
from billing.foundation.due.tasks import run_due_task
from billing.gateway.errors import NotConnected, Unavailable
from billing.packs.autotopup.charging import top_up_look
from billing.packs.fulfilment import RETRY, locked_with_wallet, purchase_abandon
from billing.packs.models import MoneyBack, Notice, Purchase
from billing.packs.moneyback import money_back_look

log = logging.getLogger(__name__)
JOB = "purchase_looks"
PATIENCE = 3  # calls without an answer, after which the rest waits for the next run


class NotAttended(RuntimeError):
    """Some purchases could not be attended to; they will be again."""


def notice_write(purchase: Purchase, about: str, session_id: str = "") -> None:
    """Remember that something happened, and have a worker look once that is committed. Takes no lock."""
    Notice.objects.create(purchase=purchase, about=about[:80], session_id=session_id[:255])
    transaction.on_commit(_hint, robust=True)


def _hint() -> None:
    try:
        run_due_task.apply_async((JOB,), retry=False, expires=60)
    except Exception as error:  # whatever is wrong with the broker, the job finds the notice within a minute
        log.warning("no worker could be told about a payment: %s", error)


def attend_due(now: datetime, limit: int) -> int:
    """Attend to what is due; how many were. What belongs to Stripe's other mode (test, live) waits for it. Raises
    NotAttended when some could not be.
    """
    live = settings.STRIPE_LIVE_MODE
    notices = Notice.objects.filter(at__lte=now, purchase__livemode=live).order_by("at", "pk")
    noticed = notices.values_list("purchase_id", flat=True)
    waiting = Purchase.objects.filter(look_at__lte=now, livemode=live).order_by("look_at").values_list("pk", flat=True)
    pks = list(dict.fromkeys([*noticed[:limit], *waiting[:limit]]))[:limit]
    done, silent, failures = 0, 0, []
    for pk in pks:
        try:
            attend(pk)
        except (Unavailable, NotConnected) as error:
            failures.append(f"{pk}: {error}")
            silent += 1
            if silent >= PATIENCE:
                break
        except Exception as error:  # one purchase keeps no other from its credits
            log.exception("purchase %s could not be attended to", pk)
            failures.append(f"{pk}: {type(error).__name__}: {error}")
        else:
            done += 1
    if failures:
        raise NotAttended(f"{done} purchases attended to, {len(failures)} not: {'; '.join(failures[:5])}")
    return done


def attend(pk: int) -> Purchase:
    """Ask Stripe about it, and do what follows. What fails is due again in a minute."""
    notices = list(Notice.objects.filter(purchase=pk).order_by("pk"))
    later = clock.now() + RETRY
    Notice.objects.filter(pk__in=[each.pk for each in notices]).update(at=later)
    Purchase.objects.filter(pk=pk, look_at__lte=clock.now()).update(look_at=later)
    if session := next((each.session_id for each in notices if each.session_id), ""):
        # Of a purchase whose Checkout was made while our own answer got lost. What was paid in it is compared.
        Purchase.objects.filter(pk=pk, session_id=None).update(session_id=session)
    purchase = Purchase.objects.select_related("workspace").get(pk=pk)
    purchase = top_up_look(purchase) if purchase.automatic else purchase_abandon(purchase)
    money_back_look(purchase)
    Notice.objects.filter(pk__in=[each.pk for each in notices]).delete()
    _rest(pk)
    return purchase


@transaction.atomic
def _rest(pk: int) -> None:
    """Nothing more to ask, unless a refund waits for its answer: one that is asked for meanwhile has the lock first."""
    purchase = locked_with_wallet(pk)
    asked = purchase.money_back.filter(status=MoneyBack.Status.ASKED)
    if purchase.status == Purchase.Status.FULFILLED and purchase.look_at is not None and not asked.exists():
        Purchase.objects.filter(pk=pk).update(look_at=None)
