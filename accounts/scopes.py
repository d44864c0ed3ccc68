"""Kinds of API key and what their scopes allow."""

from enum import StrEnum

from django.db import models


class KeyKind(models.TextChoices):
    WORKSPACE = "workspace"
    SERVICE = "service"


class Scope(StrEnum):
    USAGE_READ = "usage:read"
    USAGE_WRITE = "usage:write"
    BILLING_READ = "billing:read"
    BILLING_WRITE = "billing:write"
    WORKSPACES_READ = "workspaces:read"
    WORKSPACES_WRITE = "workspaces:write"


# They reach every customer: only the operator's own backend has them.
SERVICE_ONLY = frozenset({Scope.WORKSPACES_READ, Scope.WORKSPACES_WRITE})
WORKSPACE_SCOPES = tuple(scope for scope in Scope if scope not in SERVICE_ONLY)

PREFIX = {KeyKind.WORKSPACE: "pws_", KeyKind.SERVICE: "psk_"}
