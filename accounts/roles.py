"""Who may do what in a workspace."""

from enum import StrEnum

from django.db import models


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    BILLING = "billing"
    MEMBER = "member"
    VIEWER = "viewer"


class Permission(StrEnum):
    VIEW = "view"  # overview, usage, activity, prices, credits, the team list
    MANAGE_BILLING = "manage billing"  # buy, plans, invoices, alerts
    MANAGE_KEYS = "manage keys"  # API keys and projects
    MANAGE_TEAM = "manage team"  # invite, change roles, remove
    MANAGE_WORKSPACE = "manage workspace"  # rename, time zone


_EVERYTHING = frozenset(Permission)

GRANTED: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _EVERYTHING,  # and only an owner makes or removes owners
    Role.ADMIN: _EVERYTHING,
    Role.BILLING: frozenset({Permission.VIEW, Permission.MANAGE_BILLING}),
    Role.MEMBER: frozenset({Permission.VIEW, Permission.MANAGE_KEYS}),
    Role.VIEWER: frozenset({Permission.VIEW}),
}


def may(role: str, permission: Permission) -> bool:
    """Whether a member with `role` has `permission`."""
    return permission in GRANTED[Role(role)]
