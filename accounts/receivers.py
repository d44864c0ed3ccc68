"""What django-allauth tells us."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.dispatch import receiver

from accounts.services.people import person_was_verified


@receiver(email_confirmed, dispatch_uid="accounts.email_confirmed")
def on_email_confirmed(*, email_address: EmailAddress, **kwargs: Any) -> None:
    person_was_verified(email_address.user)
