"""manage.py workspace_create: a customer with an owner and a key."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import Refused
from billing.credits.units import AmountOutOfRange
from billing.plans.errors import UnknownPlan
from billing.plans.provisioning import Provisioned
from portal.management.provision import workspace_provision


class Command(BaseCommand):
    help = "Create a workspace with its owner, plan, starting credits and a key with every scope (shown once)."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="the customer's name")
        parser.add_argument("--owner-email", required=True, help="a person without an account gets one, by e-mail")
        parser.add_argument("--plan", help="key of a plan (default: the site's default plan)")
        parser.add_argument("--credits", default="0", help="credits to start with, at most 9 decimals")
        parser.add_argument("--external-id", help="your own id of this customer; a second one with it is refused")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = workspace_provision(
                name=options["name"],
                owner_email=options["owner_email"],
                plan_key=options["plan"],
                credits=_credits(options["credits"]),
                external_id=options["external_id"],
            )
        except (Refused, UnknownPlan, AmountOutOfRange) as error:
            raise CommandError(str(error)) from None
        report = _report(made)
        self.stdout.write(json.dumps(report, indent=2) if options["json"] else _as_text(report))


def _credits(text: str) -> Decimal:
    try:
        credits = Decimal(text)
    except InvalidOperation:
        credits = Decimal("NaN")
    if not credits.is_finite() or credits < 0:
        raise CommandError(f"--credits {text!r} is not a number of credits.")
    return credits


def _report(made: Provisioned) -> dict[str, Any]:
    return {
        "workspace": made.workspace.public_id,
        "external_id": made.workspace.external_id,
        "name": made.workspace.name,
        "plan": made.plan,
        "owner_email": made.owner.email,
        "owner_invited": made.owner_is_new,
        "api_key": made.api_key,
    }


def _as_text(report: dict[str, Any]) -> str:
    owner = f"{report['owner_email']}{' (new account, link sent by e-mail)' if report['owner_invited'] else ''}"
    return (
        f"Workspace  {report['workspace']}  {report['name']}\n"
        f"Plan       {report['plan'] or 'none'}\n"
        f"Owner      {owner}\n"
        f"API key    {report['api_key']}  (shown only now)"
    )
