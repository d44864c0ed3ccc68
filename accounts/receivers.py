"""What django-allauth tells us: proven addresses, and every change to how somebody signs in, for the audit."""

from typing import Any

from allauth.account import signals as account
from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.dispatch import Signal, receiver
from django.http import HttpRequest

from accounts import hooks
from accounts.models import User
from accounts.services.people import person_was_verified


@receiver(email_confirmed, dispatch_uid="accounts.email_confirmed")
def on_email_confirmed(*, email_address: EmailAddress, **kwargs: Any) -> None:
    person_was_verified(email_address.user)


def _tell(action: str, user: User, request: HttpRequest | None, **values: Any) -> None:
    hooks.emit(action=action, actor=user, workspace=None, target=user.email, request=request, **values)


def _listen(signal: Signal, action: str) -> None:
    def on_signal(*, user: User, request: HttpRequest | None = None, **kwargs: Any) -> None:
        _tell(action, user, request, **_values(kwargs))

    signal.connect(on_signal, weak=False, dispatch_uid=action)


def _values(told: dict[str, Any]) -> dict[str, Any]:
    """Addresses and kinds of factors; never what opens a door."""
    before = {"address": _address(told["from_email_address"])} if told.get("from_email_address") else None
    after: dict[str, Any] = {}
    for name in ("email_address", "to_email_address"):
        if told.get(name):
            after["address"] = _address(told[name])
    if isinstance(factor := told.get("authenticator"), Authenticator):
        after["factor"] = str(factor.get_type_display())
    return {"before": before, "after": after or None}


def _address(of: Any) -> str:
    return str(getattr(of, "email", of))


for signal, action in (
    (account.password_set, "account.password_set"),
    (account.password_changed, "account.password_changed"),
    (account.password_reset, "account.password_reset"),
    (account.email_added, "account.address_added"),
    (account.email_changed, "account.address_changed"),
    (account.email_removed, "account.address_removed"),
    (mfa.authenticator_added, "account.factor_added"),
    (mfa.authenticator_removed, "account.factor_removed"),
    (mfa.authenticator_reset, "account.factor_reset"),
):
    _listen(signal, action)
