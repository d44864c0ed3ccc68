"""System check of what the operator allows."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from billing.alerts.webhooks.addresses import networks


def networks_check(**_: Any) -> list[CheckMessage]:
    try:
        networks(settings.WEBHOOK_ALLOW_NETWORKS)
    except ValueError as error:
        return [Error(f"WEBHOOK_ALLOW_NETWORKS: {error}", hint="For example 10.0.0.0/8,fd00::/8", id="alerts.E001")]
    return []
