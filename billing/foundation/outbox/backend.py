"""Django's e-mail backend: every mail of every app becomes a row of the outbox."""

from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from billing.foundation.outbox.services import send


class OutboxBackend(BaseEmailBackend):
    """Writes rows; delivery follows after the commit. Raises ValueError for attachments, which rows do not carry."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        written = 0
        for message in email_messages:
            try:
                written += _write(message)
            except Exception:
                if not self.fail_silently:
                    raise
        return written


def _write(message: EmailMessage) -> int:
    if not message.recipients():
        return 0
    if message.attachments:
        raise ValueError("the outbox carries text and HTML only, no attachments")
    parts: dict[str, Any] = {
        "subject": str(message.subject),
        "kind": "account",
        "sender": message.from_email,
        "reply_to": [str(address) for address in message.reply_to],
        **_bodies(message),
    }
    open_to = [str(address) for address in (*message.to, *message.cc)]
    if open_to:
        send(to=open_to, **parts)
    for address in message.bcc:  # a row of its own: nobody else may see the address
        send(to=[str(address)], **parts)
    return 1


def _bodies(message: EmailMessage) -> dict[str, str]:
    if message.content_subtype == "html":
        return {"text": "", "html": str(message.body)}
    for content, mimetype in getattr(message, "alternatives", []):
        if mimetype == "text/html":
            return {"text": str(message.body), "html": str(content)}
    return {"text": str(message.body)}
