"""People: made by the operator, or told about when they prove an address."""

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts import hooks
from accounts.errors import Refused
from accounts.models import User


def person_create(
    *, email: str, password: str | None = None, name: str = "", verified: bool = False, staff: bool = False
) -> User:
    """A person added by the operator. `verified`: the operator vouches for the address, no code is asked for.

    Without a password the person signs in by a code sent to the address, or resets the password.
    """
    with transaction.atomic():
        if User.objects.filter(email__iexact=email.strip()).exists():
            raise Refused(f"{email} already has an account.", field="email")
        user = User.objects.create_user(email.strip(), password, name=name, is_staff=staff)
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=verified)
        if verified:
            person_was_verified(user)
    return user


def person_vouch(user: User) -> None:
    """The operator vouches for the person's address: it counts as proven."""
    with transaction.atomic():
        EmailAddress.objects.filter(user=user, primary=True).exclude(email=user.email).update(primary=False)
        EmailAddress.objects.update_or_create(
            user=user, email=user.email.lower(), defaults={"primary": True, "verified": True}
        )
        person_was_verified(user)


def person_was_verified(user: User) -> None:
    """Tell the packages above, once for each address proven; what they do must be right however often."""
    with transaction.atomic():
        for subscriber in hooks.person_verified:
            subscriber(user)
