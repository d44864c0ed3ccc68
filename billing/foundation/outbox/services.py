"""Writing messages. They are sent after the commit of the transaction that causes them (see delivery.py)."""

import logging
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.tasks import deliver_task
from billing.foundation.outbox.transport import Transport, transport

log = logging.getLogger(__name__)

Status = OutboxMessage.Status

# After this long in `sending` the sender is dead, not slow (an SMTP dialogue times out in seconds).
SENDER_IS_DEAD_AFTER = timedelta(minutes=10)


def send(
    *,
    to: list[str],
    subject: str,
    text: str,
    html: str = "",
    kind: str,
    key: str | None = None,
    workspace: Workspace | None = None,
    sender: str = "",
    reply_to: list[str] | None = None,
) -> OutboxMessage | None:
    """Write a message into the outbox; it leaves after this transaction commits, or never if it rolls back.

    `key` says what the message is about: a second one with the same key is not written, and None comes back.
    """
    now = clock.now()
    local = transport() is Transport.LOCAL
    values = {
        "kind": kind,
        "workspace": workspace,
        "sender": sender or settings.DEFAULT_FROM_EMAIL,
        "to": list(to),
        "reply_to": list(reply_to or []),
        "subject": " ".join(subject.replace("\x00", "").split())[:500],
        "text": text.replace("\x00", ""),
        "html": html.replace("\x00", ""),
        "next_attempt_at": now,
        "created_at": now,
        # On the embedded default the outbox page is where messages arrive.
        "status": Status.SENT if local else Status.QUEUED,
        "sent_at": now if local else None,
    }
    if key is None:
        message = OutboxMessage.objects.create(**values)
    else:
        message, created = OutboxMessage.objects.get_or_create(key=key, defaults=values)
        if not created:
            return None
    if transport() is Transport.SMTP:
        transaction.on_commit(partial(_hint, message.pk), robust=True)
    return message


def _hint(message_id: int) -> None:
    """Ask a worker to send now; when that fails, the due job finds the message within 30 seconds."""
    try:
        deliver_task.apply_async((message_id,), retry=False, expires=300)
    except Exception as error:  # whatever is wrong with the broker, the message is safe in its row
        log.warning("no worker could be told about message %s: %s", message_id, error)


def needs_a_person(now_minus: timedelta = SENDER_IS_DEAD_AFTER) -> Q:
    """Messages that nothing will send by itself any more."""
    stale = Q(status=Status.SENDING) & (~Q(last_error="") | Q(claimed_at__lt=clock.now() - now_minus))
    return Q(status=Status.FAILED) | stale


@transaction.atomic
def message_send_again(*, message_id: int, actor: User) -> bool:
    """Queue a failed or stuck message once more; False if it is not (or no longer) such a message."""
    changed = (
        OutboxMessage.objects.filter(needs_a_person(), pk=message_id)
        # the first attempt of a new round: all back-off steps are ahead again
        .update(status=Status.QUEUED, attempts=0, next_attempt_at=clock.now(), last_error="")
    )
    if changed:
        record(action="outbox.sent_again", actor=actor, target=f"message {message_id}")
        transaction.on_commit(partial(_hint, message_id), robust=True)
    return bool(changed)
