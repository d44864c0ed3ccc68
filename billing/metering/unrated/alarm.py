"""Telling staff by e-mail that events wait for a price: once a day at most, and only of further ones."""

from datetime import UTC, datetime

from django.conf import settings
from django.db.models import Max
from django.template.loader import render_to_string

from billing.foundation.mail.others import alarm
from billing.foundation.operators import operators
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.site.selectors import site
from billing.metering.models import UsageEvent
from billing.metering.unrated.waiting import groups, how_many

KIND = "usage.unrated"
SHOWN = 20  # kinds of events in an e-mail; the page has all


def tell_of_waiting(now: datetime) -> bool:
    """Write the e-mail if events were recorded without a price since the last one; whether it did."""
    # Read before what the message tells, so that an event in between is told of by the next one.
    latest = UsageEvent.objects.exclude(problem="").aggregate(pk=Max("pk"))["pk"]
    today = f"unrated:{now.astimezone(UTC):%Y-%m-%d}:"
    last = OutboxMessage.objects.filter(kind=KIND).order_by("-pk").values_list("key", flat=True).first() or ""
    if latest is None or last.startswith(today) or latest <= _told_up_to(last):
        return False
    if not operators():
        return False
    found = groups()
    context = {
        "product": site().product_name,
        "events": how_many(),
        "groups": found[:SHOWN],
        "left_out": max(len(found) - SHOWN, 0),
    }
    return alarm(
        subject=f"{site().product_name}: usage without a price waits to be charged",
        text=render_to_string("metering/email/unrated.txt", context),
        kind=KIND,
        key=f"{today}{latest}",
        link=f"{settings.SITE_URL}/admin/unrated/",
        button="Look at what waits",
    )


def _told_up_to(key: str) -> int:
    """The last event that the message with this key knew of."""
    return int(key.rpartition(":")[2] or 0)
