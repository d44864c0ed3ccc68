"""Where nothing simulates payments: plans are given, and credits were bought somewhere else."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.invoices.issue import invoice_issue
from billing.invoices.models import Document
from billing.invoices.money import LineInput
from billing.invoices.writing import Payment
from billing.ledger.services import credits_grant
from billing.packs.models import Pack
from billing.plans.calendar import plus_months
from billing.plans.errors import UnknownPlan
from billing.plans.selectors import newest_version
from billing.plans.services import subscription_start
from portal.demo.payments import story_key


class Elsewhere:
    """The same story, without a card."""

    def subscribe(self, workspace: Workspace, plan: str, interval: str, *, by: User, at: datetime) -> None:
        version = newest_version(plan)
        if version is None:
            raise UnknownPlan(plan)
        with clock.at(at):
            subscription_start(workspace=workspace, version=version, at=at, now=at)

    def renew(self, workspace: Workspace) -> None:
        """Nothing is paid."""

    def buy(self, workspace: Workspace, pack: str, *, by: User, at: datetime) -> None:
        key, sold = story_key(workspace, pack, at), Pack.objects.get(key=pack)
        with clock.at(at), transaction.atomic():
            credits_grant(
                workspace_id=workspace.pk,
                key=key,
                amount=sold.credits,
                source="bought",
                label=sold.name,
                expires_at=plus_months(at, 12),
                unit_price_usd=Decimal(sold.price) * NANO / (100 * sold.credits),
                actor="demo",
                reason="demo data",
            )
            invoice_issue(
                key=key,
                workspace=workspace,
                purpose=Document.Purpose.PACK,
                lines=[LineInput(sold.name, sold.price, credits=sold.credits)],
                paid=Payment(at, "card"),
                tell=False,
            )

    def stop(self, workspace: Workspace, *, by: User) -> None:
        """Nothing is paid."""
