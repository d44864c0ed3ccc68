"""API keys that were made, people who joined, and a welcome: told with the change itself, so each once."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.credits import clock
from billing.foundation.mail.letters import Letter
from billing.foundation.mail.others import letter_send
from billing.foundation.mail.telling import News, tell
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.site.selectors import site

SETTING_UP = timedelta(hours=1)
OPERATOR = "operator"  # by command: whoever set the workspace up
NEW_FOR = timedelta(days=2)  # an account that is older has been welcomed, or came before there was one


def access_changed(*, action: str, actor: User | str, workspace: Workspace | None, **said: Any) -> None:
    """Subscriber of `audited`."""
    if workspace is None or actor == OPERATOR or (isinstance(actor, str) and _is_new(workspace)):
        return
    if action == "api_key.created":
        _tell_of_key(workspace, actor, prefix=said["target"], after=said["after"])
    elif action == "member.joined":
        _tell_of_member(workspace, email=said["target"], role=said["after"]["role"])


def _is_new(workspace: Workspace) -> bool:
    """What the operator's backend makes with it belongs to it."""
    return workspace.created_at > timezone.now() - SETTING_UP


def _tell_of_key(workspace: Workspace, actor: User | str, *, prefix: str, after: dict[str, Any]) -> None:
    """A key that takes the place of another one is a new key, too."""
    facts = [
        f"Name: {after['name']}",
        f"Key: {prefix}…",
        f"Made by: {actor.email if isinstance(actor, User) else actor}",
        f"It may: {', '.join(after['scopes'])}",
        *([f"Project: {after['project']}"] if after["project"] else []),
        f"When: {clock.now():%-d %B %Y, %H:%M} UTC",
    ]
    news = News(
        workspace=workspace,
        kind="api_key.created",
        key=f"api-key-created:{prefix}",
        subject=f"A new API key of {workspace.name}",
        text=(
            f"An API key of {workspace.name} was made.\n\n"
            + "\n".join(facts)
            + "\n\nIf you do not know what it is for, revoke it: from then on requests with it are refused."
        ),
        link=settings.SITE_URL + reverse("accounts:keys", args=[workspace.public_id]),
        button="See the API keys",
    )
    tell(news, to=_addresses(workspace, Role.OWNER, Role.ADMIN))


def _tell_of_member(workspace: Workspace, *, email: str, role: str) -> None:
    called = Role(role).label.lower()
    news = News(
        workspace=workspace,
        kind="member.joined",
        key=f"member-joined:{workspace.pk}:{clock.now():%Y%m%dT%H%M%S%f}:{email}"[:200],
        subject=f"{email} joined {workspace.name}",
        text=f"{email} accepted the invitation to {workspace.name}, as {called}.",
        link=settings.SITE_URL + reverse("accounts:team", args=[workspace.public_id]),
        button="See the team",
    )
    tell(news, to=[], but=[email])  # whoever joined as an owner need not be told of it


def _addresses(workspace: Workspace, *roles: Role) -> list[str]:
    members = Membership.objects.filter(workspace=workspace, role__in=roles, user__is_active=True)
    return list(members.order_by("created_at", "pk").values_list("user__email", flat=True))


def person_was_verified(user: User) -> None:
    """Subscriber of `person_verified`: whoever has just signed up is welcomed, once. Not who was made by the operator,
    whose mail with the link to a password says it.
    """
    if user.date_joined < timezone.now() - NEW_FOR or not user.has_usable_password():
        return
    theirs = Workspace.objects.filter(memberships__user=user).values_list("public_id", flat=True)
    if OutboxMessage.objects.filter(key__in=[f"workspace-ready:{public_id}" for public_id in theirs]).exists():
        return
    product = site().product_name
    letter = Letter(
        subject=f"Welcome to {product}",
        text=(
            f"Your account on {product} is ready. You will see what you have, what you used and what it costs, and"
            " nothing is ever charged without your consent.\n\n"
            "To begin:\n"
            "1. Look around in your workspace, or make one.\n"
            "2. Make an API key, and send a first request with it.\n"
            "3. Switch two-step verification on, in your account."
        ),
        reason=f"Sent to you because you signed up on {product} with {user.email}",
        link=settings.SITE_URL + "/",
        button=f"Open {product}",
    )
    letter_send(letter, to=[user.email], kind="account.welcome", key=f"welcome:{user.pk}")
