"""The signup grant: once per verified person, to the first workspace they own."""

import logging
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.credits.units import rounded_nano
from billing.foundation import hostclock
from billing.foundation.site.selectors import site
from billing.ledger.services import credits_grant
from billing.plans.models import SignupGrant

log = logging.getLogger(__name__)


def person_was_verified(user: User) -> None:
    """Subscriber of `person_verified`."""
    signup_grant(user=user)


def workspace_was_created(workspace: Workspace) -> None:
    """Subscriber of `workspace_created`: its owner may have been verified before."""
    for membership in workspace.memberships.filter(role=Role.OWNER).select_related("user"):
        signup_grant(user=membership.user)


def signup_grant(*, user: User) -> SignupGrant | None:
    """Grant what is due to this person now; None if nothing is (off, not verified, no workspace, had it already).

    Verifying and creating the first workspace may happen at the same moment in two transactions. Both write first and
    then take the person's lock here, so whoever comes second sees what the first one wrote.
    """
    settings = site()
    amount = rounded_nano(settings.signup_grant_credits)
    if not settings.signup_grant_enabled or amount <= 0:
        return None
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if SignupGrant.objects.filter(user=user).exists():
            return None
        verified = EmailAddress.objects.filter(user=user, verified=True).exists()
        first = Membership.objects.filter(user=user, role=Role.OWNER).order_by("created_at", "pk").first()
        if not verified or first is None:
            return None
        now = hostclock.present()
        days = settings.signup_grant_days
        grant = SignupGrant.objects.create(user=user, workspace_id=first.workspace_id, granted_at=now)
        credits_grant(
            workspace_id=first.workspace_id,
            namespace="plan",
            key=f"signup:{user.pk}",
            kind="grant.signup",
            source="promotion",
            amount=amount,
            label="Welcome credits",
            effective_at=now,
            expires_at=now + timedelta(days=days) if days else None,
            actor="system",
        )
    return grant
