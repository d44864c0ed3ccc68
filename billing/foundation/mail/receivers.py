"""What django-allauth tells us."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_changed
from django.dispatch import receiver

from billing.foundation.mail.wishes import address_changed


@receiver(email_changed, dispatch_uid="foundation.mail.email_changed")
def on_email_changed(*, from_email_address: EmailAddress | None, to_email_address: EmailAddress, **kwargs: Any) -> None:
    """What a person chose goes with them to their new address."""
    if from_email_address is not None:
        address_changed(before=from_email_address.email, after=to_email_address.email)
