"""Writing messages. They are sent after the commit of the transaction that causes them (see delivery.py)."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.foundation.outbox.attachments import Attachment
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.tasks import deliver_task
from billing.foundation.outbox.transport import Transport, transport

log = logging.getLogger(__name__)

Status = OutboxMessage.Status

# After this long in `sending` the sender is dead, not slow (an SMTP dialogue times out in seconds).
SENDER_IS_DEAD_AFTER = timedelta(minutes=10)
TOLD_AT_ONCE = 20  # messages of which a worker is told one by one


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
    attachments: Sequence[Attachment] = (),
    unsubscribe: str = "",
) -> OutboxMessage | None:
    """Write a message into the outbox; it leaves after this transaction commits, or never if it rolls back.

    `key` says what the message is about: a second one with the same key is not written, and None comes back.
    `attachments` are named now and made when the message leaves. `unsubscribe` is the address that ends mails like it.
    """
    message = message_of(
        to=to,
        subject=subject,
        text=text,
        html=html,
        kind=kind,
        key=key,
        workspace=workspace,
        sender=sender,
        reply_to=reply_to,
        attachments=attachments,
        unsubscribe=unsubscribe,
    )
    if key is None:
        message.save()
    elif OutboxMessage.objects.filter(key=key).exists() or not _inserted(message):
        return None
    if transport() is Transport.SMTP:
        transaction.on_commit(partial(_hint, message.pk), robust=True)
    return message


def _inserted(message: OutboxMessage) -> bool:
    """False when another has written the same key meanwhile."""
    try:
        with transaction.atomic():
            message.save(force_insert=True)
    except IntegrityError:
        if not OutboxMessage.objects.filter(key=message.key).exists():
            raise
        return False
    return True


def message_of(
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
    attachments: Sequence[Attachment] = (),
    unsubscribe: str = "",
) -> OutboxMessage:
    """The row as `send` writes it, not written yet."""
    now = clock.now()
    local = transport() is Transport.LOCAL
    return OutboxMessage(
        key=key,
        kind=kind,
        workspace=workspace,
        sender=sender or settings.DEFAULT_FROM_EMAIL,
        to=list(to),
        reply_to=list(reply_to or []),
        subject=" ".join(subject.replace("\x00", "").split())[:500],
        text=text.replace("\x00", ""),
        html=html.replace("\x00", ""),
        unsubscribe=unsubscribe,
        attachments=[attachment.as_json() for attachment in attachments],
        next_attempt_at=now,
        created_at=now,
        # On the embedded default the outbox page is where messages arrive.
        status=Status.SENT if local else Status.QUEUED,
        sent_at=now if local else None,
    )


def send_many(messages: Sequence[OutboxMessage]) -> None:
    """Write `messages`, made by `message_of`, whose keys nobody else uses. Of many together no worker is told: the due
    job finds them within 30 seconds.
    """
    written = OutboxMessage.objects.bulk_create(messages, batch_size=500)
    if transport() is Transport.SMTP and len(written) <= TOLD_AT_ONCE:
        for message in written:
            transaction.on_commit(partial(_hint, message.pk), robust=True)


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


@transaction.atomic
def message_send_copy(*, message_id: int, actor: User) -> bool:
    """Write a message that was sent once more, to the same people; False if it was not sent, its text is gone, or there
    was such a copy within the same minute.
    """
    message = OutboxMessage.objects.filter(pk=message_id, status=Status.SENT, emptied_at=None).first()
    if message is None:
        return False
    copy = send(
        to=message.to,
        subject=message.subject,
        text=message.text,
        html=message.html,
        kind=message.kind,
        key=f"again:{message.pk}:{clock.now():%Y%m%d%H%M}",
        workspace=message.workspace,
        sender=message.sender,
        reply_to=message.reply_to,
        attachments=[Attachment(**entry) for entry in message.attachments],
        unsubscribe=message.unsubscribe,
    )
    if copy is None:
        return False
    record(
        action="outbox.copied",
        actor=actor,
        workspace=message.workspace,
        target=f"message {message.pk}",
        after={"message": copy.pk, "to": message.to},
    )
    return True
