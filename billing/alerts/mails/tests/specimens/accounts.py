"""Mails to persons: codes, security, invitations; keys, people and webhooks of a workspace."""

from datetime import UTC, datetime, timedelta

from allauth.account.adapter import get_adapter

from accounts.models import ApiKey, Invitation, User, Workspace
from accounts.scopes import KeyKind, Scope
from accounts.services.invitations import invitation_create
from accounts.services.keys import api_key_create
from billing.alerts.mails.people import access_changed, person_was_verified
from billing.alerts.webhooks.models import WebhookEndpoint
from billing.alerts.webhooks.switching import switch_off
from billing.api.expiring import _send as key_expires
from billing.usage.budgets.jobs import _tell_of_a_key
from billing.usage.budgets.models import KeyPace
from portal.management.provision import _welcome
from portal.persons.erase import _confirm

NOW = datetime(2026, 11, 28, 17, 30, tzinfo=UTC)
# Of allauth's mails: those with a code or link, then those that say that something was changed.
CODES = (
    "email_confirmation_signup",
    "email_confirmation",
    "login_code",
    "password_reset_key",
    "account_already_exists",
)
SECURITY = ("email_changed", "email_confirm", "email_deleted", "password_changed", "password_reset", "password_set")
SECOND_FACTOR = (
    "recovery_codes_generated",
    "totp_activated",
    "totp_deactivated",
    "webauthn_added",
    "webauthn_removed",
)


def write(workspace: Workspace, owner: User) -> None:
    _account(owner)
    person_was_verified(owner)
    _welcome(owner, workspace)
    _confirm(owner.email, owner)
    invitation: Invitation = invitation_create(workspace=workspace, email="eve@example.com", role="billing", by=owner)
    access_changed(
        action="member.joined", actor=owner, workspace=workspace, target=invitation.email, after={"role": "billing"}
    )
    _keys(workspace, owner)
    endpoint = WebhookEndpoint.objects.create(
        workspace=workspace, url="https://hooks.example/purser", event_types=["balance.low"], secret="x"
    )
    switch_off(endpoint, WebhookEndpoint.Off.FAILING, now=NOW)


def _account(owner: User) -> None:
    changed = {"timestamp": NOW, "ip": "203.0.113.7", "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0"}
    link = {"password_reset_url": "https://purser.example/account/password/reset/key/1a-2b3c/"}
    for name in CODES:
        given = {"code": "482913", **link, "signup_url": "https://purser.example/signup"}
        get_adapter().send_mail(f"account/email/{name}", owner.email, given)
    get_adapter().send_mail("account/email/unknown_account", "nobody@example.com", {"signup_url": "https://x.example"})
    addresses = {"from_email": "alice@old.example", "to_email": owner.email, "deleted_email": "alice@old.example"}
    for name in SECURITY:
        get_adapter().send_mail(f"account/email/{name}", owner.email, changed | addresses)
    for name in SECOND_FACTOR:
        get_adapter().send_mail(f"mfa/email/{name}", owner.email, changed)


def _keys(workspace: Workspace, owner: User) -> None:
    key: ApiKey = api_key_create(
        workspace=workspace,
        kind=KeyKind.WORKSPACE,
        name="production",
        scopes=[Scope.USAGE_READ],
        created_by=owner,
        expires_at=NOW + timedelta(days=6),
    )[0]
    key_expires(key)
    minute = {"minute": NOW, "week": NOW.date(), "spent": 0}
    pause = {"paused_at": NOW, "paused_spent": 41_000 * 10**9, "paused_usual": 350 * 10**9}
    KeyPace.objects.create(api_key=key, workspace=workspace, **minute, **pause)
    _tell_of_a_key(NOW)
