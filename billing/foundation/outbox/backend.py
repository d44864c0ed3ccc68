"""Django's e-mail backend: every mail of every app becomes a row of the outbox."""

from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from accounts.mail import Note, NoteMessage
from billing.foundation.mail.kinds import kind_of
from billing.foundation.mail.letters import Letter, rendered
from billing.foundation.outbox.services import send
from billing.foundation.site.selectors import site


class OutboxBackend(BaseEmailBackend):
    """Writes rows; delivery follows after the commit. Raises ValueError for attachments: rows carry no bytes, and what
    `services.send` takes instead (attachments.py) is more than Django's mails can say.
    """

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
        "kind": message.note.kind if isinstance(message, NoteMessage) else "account",
        "workspace": message.note.workspace if isinstance(message, NoteMessage) else None,
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
    """In the one look, unless whoever wrote the mail made HTML of its own."""
    if isinstance(message, NoteMessage):
        return _look(str(message.subject), message.note)
    if message.content_subtype == "html":
        return {"text": "", "html": str(message.body)}
    for content, mimetype in getattr(message, "alternatives", []):
        if mimetype == "text/html":
            return {"text": str(message.body), "html": str(content)}
    return _look(str(message.subject), Note(text=str(message.body)), greeting="")


def _look(subject: str, note: Note, *, greeting: str = "Hello,") -> dict[str, str]:
    because = kind_of(note.kind).category.reason.format(product=site().product_name, workspace="")
    letter = Letter(
        subject=subject,
        text=note.text,
        reason=note.reason or f"Sent to you because {because}",
        link=note.link,
        button=note.button,
        also=note.also,
        greeting=greeting,
    )
    parts = rendered(letter)
    return {"text": parts.text, "html": parts.html}
