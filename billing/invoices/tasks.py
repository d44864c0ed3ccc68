"""Work by the clock: reminders of what is due, and whether the numbers have gaps."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from billing.foundation.due.registry import due_job
from billing.invoices.emails import tell_overdue
from billing.invoices.models import Document
from billing.invoices.verify import number_problems

SECOND_AFTER = timedelta(days=7)


class NumbersBroken(RuntimeError):
    """Numbers of documents are missing or there twice."""


@due_job("invoice_reminders", every=timedelta(minutes=10))
def invoice_reminders(*, now: datetime, limit: int) -> int:
    """Remind of open invoices when they are due, and once more a week later."""
    done = 0
    while done < limit and _remind(now):
        done += 1
    return done


@due_job("invoice_numbers", every=timedelta(hours=6))
def invoice_numbers(*, now: datetime, limit: int) -> int:
    """Fail, and so be seen on the first page of the admin, when a series has gaps."""
    if problems := number_problems():
        raise NumbersBroken("; ".join(problems[:20]))
    return 0


def due(now: datetime) -> QuerySet[Document]:
    once = Q(reminders=0, due_at__lte=now)
    again = Q(reminders=1, due_at__lte=now - SECOND_AFTER)
    return Document.objects.filter(once | again, origin="own", status="open", reminders__lt=2, due_at__lte=now)


def _remind(now: datetime) -> bool:
    with transaction.atomic():
        document = (
            due(now)
            .select_related("workspace")
            .select_for_update(of=("self",), no_key=True, skip_locked=True)
            .order_by("due_at", "pk")
            .first()
        )
        if document is None or document.due_at is None:
            return False
        # After a long downtime both are due: one message says so.
        document.reminders = 2 if document.due_at + SECOND_AFTER <= now else 1
        document.save(update_fields=["reminders"])
        tell_overdue(document, reminder=document.reminders)
    return True
