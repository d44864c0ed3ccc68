"""System checks of the shared ground."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from billing.foundation.outbox.transport import Transport, parse_email_url, transport

NO_EMAIL = (
    "EMAIL_URL is not set: e-mails (verification codes, invitations, alerts) wait in the outbox and are not sent."
)


def email_check(**_: Any) -> list[CheckMessage]:
    if settings.EMAIL_URL:
        try:
            parse_email_url(settings.EMAIL_URL)
        except ImproperlyConfigured as error:
            return [Error(str(error), id="foundation.E001")]
    if transport() is Transport.NONE:
        return [Warning(NO_EMAIL, hint="Set EMAIL_URL=smtp://user:password@host:587?tls=1", id="foundation.W001")]
    return []
