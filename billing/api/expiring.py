"""Telling owners and admins of API keys that end soon, once for each."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import ApiKey, Membership
from accounts.models.keys import EXPIRING_WITHIN
from accounts.roles import Role
from accounts.scopes import KeyKind
from billing.foundation.mail.telling import News, tell


def tell_one(now: datetime) -> bool:
    """Tell of one key that is due; False if none is, or others have them all."""
    with transaction.atomic():
        key = (
            due(now)
            .select_related("workspace")
            .select_for_update(of=("self",), no_key=True, skip_locked=True)
            .order_by("expires_at", "pk")
            .first()
        )
        if key is None:
            return False
        key.expiry_told_at = now
        key.save(update_fields=["expiry_told_at"])
        _send(key)
    return True


def due(now: datetime) -> QuerySet[ApiKey]:
    """Workspace keys that end within a week. Not those that were made for no longer, and not those that were rotated:
    whoever did that knows.
    """
    return ApiKey.objects.filter(
        kind=KeyKind.WORKSPACE,
        revoked_at=None,
        expiry_told_at=None,
        replaced_by=None,
        expires_at__gt=now,
        expires_at__lte=now + EXPIRING_WITHIN,
    ).exclude(expires_at__lte=F("created_at") + EXPIRING_WITHIN)


def _send(key: ApiKey) -> None:
    workspace = key.workspace
    if workspace is None or key.expires_at is None:
        raise ValueError("only a workspace's keys with an expiry are told about")
    members = Membership.objects.filter(
        workspace=workspace, role__in=(Role.OWNER, Role.ADMIN), user__is_active=True
    ).select_related("user")
    addresses = [member.user.email for member in members.order_by("created_at", "pk")]
    news = News(
        workspace=workspace,
        kind="api_key.expiring",
        key=f"api-key-expiring:{key.pk}",
        subject=f"The API key {key.name} of {workspace.name} ends on {key.expires_at:%-d %B %Y}",
        text=render_to_string("accounts/email/key_expiring.txt", {"key": key, "workspace": workspace}),
        link=settings.SITE_URL + reverse("accounts:key-rotate", args=[workspace.public_id, key.pk]),
        button="Rotate the key",
    )
    tell(news, to=addresses)
