"""Texts of messages that were sent long ago: nobody needs them, and they may name people. Row and key stay."""

from datetime import datetime, timedelta

from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.site.selectors import site


def texts_forget(*, now: datetime, limit: int) -> int:
    """Empty up to `limit` texts that were sent before what the site settings keep; how many. Others are left alone:
    who sends a failed message again needs its text.
    """
    days = site().outbox_text_days
    if not days:
        return 0
    old = OutboxMessage.objects.filter(
        status=OutboxMessage.Status.SENT, emptied_at=None, sent_at__lt=now - timedelta(days=days)
    )
    chosen = list(old.order_by("sent_at").values_list("pk", flat=True)[:limit])
    # The last mail of a person who is gone: the address that it went to is the last that is left of them.
    OutboxMessage.objects.filter(pk__in=chosen, kind="account.erased").update(to=[])
    return OutboxMessage.objects.filter(pk__in=chosen).update(text="", html="", emptied_at=now)
