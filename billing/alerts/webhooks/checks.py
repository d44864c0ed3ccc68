"""System check of what the operator allows."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from billing.alerts.webhooks.addresses import networks


def networks_check(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for name in ("WEBHOOK_ALLOW_NETWORKS", "WEBHOOK_ALLOW_NETWORKS_FOR_CUSTOMERS"):
        try:
            networks(getattr(settings, name))
        except ValueError as error:
            found.append(Error(f"{name}: {error}", hint="For example 10.0.0.0/8,fd00::/8", id="alerts.E001"))
    return found
