import json
import uuid
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from accounts.models import Workspace
from billing.credits.format import exact_text
from billing.credits.units import AmountOutOfRange, credits, exact_nano
from billing.foundation.audit.services import record
from billing.ledger.errors import LedgerError
from billing.ledger.management.lookup import workspace_named
from billing.ledger.records import GrantResult
from billing.ledger.services import credits_grant

ACTOR = "command line"


def nano_of(text: str) -> int:
    """Credits as typed, in nano-credits."""
    try:
        amount = exact_nano(Decimal(text))
    except (InvalidOperation, AmountOutOfRange, ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is not an amount of credits with at most 9 decimals") from None
    if amount <= 0:
        raise ArgumentTypeError("credits must be more than 0")
    return amount


def instant_of(text: str) -> datetime:
    """An RFC 3339 instant, or a date (its first moment, UTC)."""
    try:
        at = parse_datetime(text)
        if at is None and (day := parse_date(text)):
            at = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - made aware below
    except ValueError:
        at = None
    if at is None:
        raise ArgumentTypeError(f"{text!r} is not a date or time such as 2027-01-31 or 2027-01-31T12:00:00Z")
    return at if timezone.is_aware(at) else at.replace(tzinfo=timezone.get_default_timezone())


class Command(BaseCommand):
    help = "Give credits to a workspace. With --key, repeating the command gives them once."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", required=True, help="its id (ws_…) or external id")
        parser.add_argument("--credits", required=True, type=nano_of, help="how many, at most 9 decimals")
        parser.add_argument("--reason", required=True, help="why; the customer sees it on the lot")
        parser.add_argument("--expires-at", type=instant_of, help="when what is left is gone (default: never)")
        parser.add_argument("--key", help="idempotency key: the same key gives once")
        parser.add_argument("--json", action="store_true", help="machine-readable output")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = workspace_named(options["workspace"])
        try:
            with transaction.atomic():
                result = self._grant(workspace, options)
        except (LedgerError, AmountOutOfRange, ValueError) as refusal:
            raise CommandError(f"Nothing was granted: {refusal}") from None
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "workspace": workspace.public_id,
                        "lot": result.lot_id,
                        "credits_nano": str(result.amount),
                        "repaid_nano": str(result.repaid),
                        "balance_nano": str(result.balance),
                        "replay": result.replay,
                    }
                )
            )
            return
        done = "were granted before" if result.replay else "granted"
        self.stdout.write(
            f"{exact_text(result.amount)} credits {done} to {workspace.name} ({workspace.public_id}); "
            f"{exact_text(result.repaid)} repaid debt, the balance was then {exact_text(result.balance)}."
        )

    def _grant(self, workspace: Workspace, options: dict[str, Any]) -> GrantResult:
        reason = options["reason"][:500]
        result = credits_grant(
            workspace_id=workspace.pk,
            key=options["key"] or f"command:{uuid.uuid4()}",
            amount=options["credits"],
            label=reason[:120],
            expires_at=options["expires_at"],
            actor=ACTOR,
            reason=reason,
        )
        if not result.replay:
            record(
                action="credits.grant",
                actor=ACTOR,
                workspace=workspace,
                target=f"lot {result.lot_id}",
                after={"credits": f"{credits(result.amount):f}"},
                reason=reason,
            )
        return result
