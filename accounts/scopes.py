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


PREFIX = {KeyKind.WORKSPACE: "pws_", KeyKind.SERVICE: "psk_"}
