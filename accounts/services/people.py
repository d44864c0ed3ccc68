"""People: made by the operator, or told about when they prove an address."""

from collections.abc import Iterable

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.http import HttpRequest

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


def person_found_or_created(*, email: str) -> tuple[User, bool]:
    """The person with this address, and whether the account is new: it has no password then (a code sent to the
    address signs in, a reset sets one).

    An account whose address nobody has proven belongs to nobody yet: a password that somebody once chose for it is
    taken off. Raises `Refused` for what is no address, and for a closed account.
    """
    email = checked_email(email)
    user = person_by_email(email)
    if user is None:
        try:
            with transaction.atomic():
                return person_create(email=email), True
        except (IntegrityError, Refused):  # made by somebody else at the same moment, or just before we looked again
            user = User.objects.get(email__iexact=email)
    if not user.is_active:
        raise Refused(f"The account of {email} is closed.", field="owner_email")
    if user.has_usable_password() and not EmailAddress.objects.filter(user=user, verified=True).exists():
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user, False


def people_create(emails: Iterable[str]) -> dict[str, User]:
    """Accounts for those of these addresses (lower case) that nobody has or has proven, by address: as
    `person_found_or_created` makes them, all at once. None where somebody else makes one at the same moment.
    """
    wanted = set(emails)
    known = User.objects.annotate(lower=Lower("email")).filter(lower__in=wanted)
    proven = EmailAddress.objects.annotate(lower=Lower("email")).filter(lower__in=wanted)
    new = sorted(wanted - {*known.values_list("lower", flat=True)} - {*proven.values_list("lower", flat=True)})
    try:
        with transaction.atomic():
            people = User.objects.bulk_create(User(email=each, password=make_password(None)) for each in new)
            EmailAddress.objects.bulk_create(
                EmailAddress(user=each, email=each.email, primary=True, verified=False) for each in people
            )
    except IntegrityError:
        return {}
    return {each.email: each for each in people}


def person_by_email(email: str) -> User | None:
    """Whoever has proven this address, else who signed up with it."""
    proven = EmailAddress.objects.filter(email__iexact=email, verified=True).select_related("user").first()
    return proven.user if proven else User.objects.filter(email__iexact=email).first()


def checked_email(email: str, *, field: str = "owner_email") -> str:
    """The address in lower case. Raises `Refused` for what is none."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise Refused(f"{email[:260]!r} is not an e-mail address.", field=field) from None
    if len(email) > 254:
        raise Refused("An e-mail address has at most 254 characters.", field=field)
    return email


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


@transaction.atomic
def person_rename(*, user: User, before: str, request: HttpRequest | None = None) -> None:
    """Save the name that `user` has now."""
    user.save(update_fields=["name"])
    if user.name != before:
        hooks.emit(
            action="account.renamed",
            actor=user,
            workspace=None,
            target=user.email,
            before={"name": before},
            after={"name": user.name},
            request=request,
        )


@transaction.atomic
def session_close(*, session: UserSession, by: User, request: HttpRequest | None = None) -> None:
    """Sign one device out."""
    before = {"device": session.user_agent, "from": session.ip}
    session.end()
    hooks.emit(
        action="account.session_ended",
        actor=by,
        workspace=None,
        target=session.user.email,
        before=before,
        request=request,
    )
