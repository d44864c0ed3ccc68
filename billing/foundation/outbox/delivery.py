"""Carrying messages out of the house: claimed by a conditional UPDATE, so two senders never send one twice."""

import logging
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.core.mail import EmailMultiAlternatives
from django.db.models import F

from billing.credits import clock
from billing.foundation.outbox.attachments import Attachment
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.transport import (
    NotAccepted,
    Transport,
    Uncertain,
    hand_over,
    opened,
    smtp_connection,
    transport,
)

log = logging.getLogger(__name__)

Status = OutboxMessage.Status

# Waits before the second, third, … attempt; after the last one the message has failed.
BACK_OFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=12),
)


class Outcome(StrEnum):
    NOT_OURS = "not ours"  # sent, claimed by another, or not due yet
    SENT = "sent"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNCERTAIN = "uncertain"


def deliver_due(*, now: datetime, limit: int) -> int:
    """Send up to `limit` due messages and return how many were tried; stops early when the server is unreachable."""
    if transport() is Transport.NONE:
        return 0
    due = OutboxMessage.objects.filter(status=Status.QUEUED, next_attempt_at__lte=now)
    tried = 0
    for message_id in list(due.order_by("next_attempt_at", "id").values_list("id", flat=True)[:limit]):
        if deliver(message_id) is Outcome.UNREACHABLE:
            return 0  # less than a batch: the next run begins again, the others need not time out one by one
        tried += 1
    return tried


def deliver(message_id: int) -> Outcome:
    """Claim one due message and send it. No transaction is open while the mail server is spoken to."""
    if transport() is Transport.NONE:
        return Outcome.NOT_OURS
    now = clock.now()
    claimed = OutboxMessage.objects.filter(pk=message_id, status=Status.QUEUED, next_attempt_at__lte=now).update(
        status=Status.SENDING, attempts=F("attempts") + 1, claimed_at=now
    )
    if not claimed:
        return Outcome.NOT_OURS
    message = OutboxMessage.objects.get(pk=message_id)
    if transport() is Transport.LOCAL:
        return _sent(message, "")
    return _by_smtp(message)


def _by_smtp(message: OutboxMessage) -> Outcome:
    try:
        content = mime_bytes(message)
    except Exception as error:  # a sender or a text that no mail can have: nothing was offered, and staff must see it
        _again(message, f"cannot be written as a mail: {str(error) or type(error).__name__}")
        return Outcome.REFUSED
    try:
        connection = smtp_connection()
        smtp = opened(connection)
    except Exception as error:  # a wrong EMAIL_URL, no connection, no TLS, wrong password: nothing was offered yet
        _again(message, f"mail server: {error}")
        return Outcome.UNREACHABLE
    try:
        refused = hand_over(smtp, sender=message.sender, to=message.to, content=content)
    except NotAccepted as error:
        _again(message, str(error))
        return Outcome.REFUSED
    except Uncertain as error:
        # It stays `sending`: offering it again could send it twice, so a person decides (admin, "send again").
        OutboxMessage.objects.filter(pk=message.pk).update(
            last_error=f"The connection broke while the message was handed over; it may have arrived. ({error})"
        )
        log.error("message %s may or may not have been sent: %s", message.pk, error)
        return Outcome.UNCERTAIN
    finally:
        connection.close()
    return _sent(message, "; ".join(f"refused {address}: {words}" for address, words in refused.items()))


def _sent(message: OutboxMessage, remark: str) -> Outcome:
    OutboxMessage.objects.filter(pk=message.pk).update(status=Status.SENT, sent_at=clock.now(), last_error=remark)
    return Outcome.SENT


def _again(message: OutboxMessage, error: str) -> None:
    """Wait for the next attempt, or give up after the last one."""
    over = message.attempts > len(BACK_OFF)
    wait = timedelta(0) if over else BACK_OFF[message.attempts - 1]
    OutboxMessage.objects.filter(pk=message.pk).update(
        status=Status.FAILED if over else Status.QUEUED,
        next_attempt_at=clock.now() + wait,
        last_error=error[:2000],
    )
    log.warning("message %s was not sent (attempt %s): %s", message.pk, message.attempts, error)


def mime_bytes(message: OutboxMessage) -> bytes:
    """The message as the mail server gets it; its Message-ID is the same at every attempt."""
    domain = message.sender.rpartition("@")[2].strip("> ") or "localhost"
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        from_email=message.sender,
        to=message.to,
        reply_to=message.reply_to,
        headers={
            "Message-ID": f"<outbox-{message.pk}-{message.created_at.astimezone(UTC):%Y%m%d%H%M%S%f}@{domain}>",
            "Auto-Submitted": "auto-generated",
            **_unsubscribe(message),
        },
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    for attachment in (Attachment(**entry) for entry in message.attachments):
        mail.attach(attachment.name, attachment.content(), attachment.content_type)
    return bytes(mail.message().as_bytes(linesep="\r\n"))


def _unsubscribe(message: OutboxMessage) -> dict[str, str]:
    """What mail programs make a button of (RFC 8058): one request to the address, without a page or a sign-in."""
    if not message.unsubscribe:
        return {}
    return {
        "List-Unsubscribe": f"<{message.unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
