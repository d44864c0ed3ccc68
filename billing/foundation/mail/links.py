"""Addresses in the footer: the page of what one gets, and the link by which one address stops one category."""

from dataclasses import dataclass

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from accounts.models import Workspace
from billing.foundation.mail.kinds import CATEGORIES

SALT = "purser.mail.unsubscribe"


class BadLink(ValueError):
    """Not a link of ours."""


@dataclass(frozen=True)
class Subscription:
    """Who gets what: all that an unsubscribe link is about."""

    workspace: str  # public id
    address: str  # lower case
    category: str


def preferences_url(workspace: Workspace) -> str:
    return settings.SITE_URL + reverse("foundation:mail-preferences", args=[workspace.public_id])


def unsubscribe_url(workspace: Workspace, address: str, category: str) -> str:
    """Signed, and good for ever: a mail may be read years later."""
    token = Signer(salt=SALT).sign_object([workspace.public_id, address.lower(), category])
    return settings.SITE_URL + reverse("foundation:unsubscribe", args=[token])


def subscription_of(token: str) -> Subscription:
    """Raises BadLink for what we did not sign, and for a category that nobody can do without (any more)."""
    try:
        workspace, address, category = Signer(salt=SALT).unsign_object(token)
    except (BadSignature, ValueError, TypeError) as error:
        raise BadLink("this link is not complete") from error
    if category not in CATEGORIES or not CATEGORIES[category].optional:
        raise BadLink("these mails cannot be switched off")
    return Subscription(workspace, address, category)
