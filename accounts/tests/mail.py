"""Reading the e-mails a test caused."""

import re

from django.core import mail
from django.core.mail import EmailMessage


def mails() -> list[EmailMessage]:
    return mail.outbox


def last_mail() -> EmailMessage:
    return mail.outbox[-1]


def link_in(message: EmailMessage) -> str:
    found = re.search(r"https?://\S+", str(message.body))
    assert found
    return found[0]


def code_in(message: EmailMessage) -> str:
    """The code on a line of its own."""
    found = re.search(r"^    (\S+)$", str(message.body), re.MULTILINE)
    assert found
    return found[1]
