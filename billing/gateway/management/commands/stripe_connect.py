"""Connects this installation to Stripe: makes its webhook endpoint, or brings it up to date."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.gateway.endpoint import connect
from billing.gateway.errors import GatewayError


class Command(BaseCommand):
    help = "Make or update the webhook endpoint at Stripe. Needs STRIPE_SECRET_KEY. Safe to repeat."
    requires_system_checks = "__all__"

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = connect()
        except GatewayError as error:
            raise CommandError(str(error)) from error
        how = (
            "made by hand, its secret taken from STRIPE_WEBHOOK_SECRET"
            if done.by_hand
            else "made"
            if done.made
            else "updated"
        )
        self.stdout.write(f"Webhook endpoint {how}: {done.url}")
