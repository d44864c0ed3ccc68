"""Alarms for whoever runs the installation."""

from accounts.models import User, Workspace
from billing.alerts.mails.tests.specimens.accounts import NOW
from billing.credits import clock
from billing.ledger import alarm as ledger
from billing.ledger.records import Problem
from billing.metering.events import Source
from billing.metering.record import usage_record
from billing.metering.unrated.alarm import tell_of_waiting
from billing.metering.validate import parse_event
from billing.packs import emails as packs
from billing.packs.models import MoneyBack, Purchase, Reconciliation
from billing.plans.subscribing import emails as plans
from billing.pricing import alarm as prices
from billing.pricing.models import PriceChange, PriceImport, PriceLine
from billing.pricing.testing import import_demo_prices


def write(workspace: Workspace, owner: User) -> None:
    purchase = Purchase(
        pk=1, workspace=workspace, name="Growth pack", currency="usd", price=10_000, amount=10_000, payment_id="pi_1"
    )
    plans.tell_operators("sub_1", f"sub_1 of {workspace.public_id} has a price that no plan has: price_1")
    packs.tell_operators(purchase, "9,000 cents were paid, and 10,000 were asked for.")
    dispute = MoneyBack(purchase=purchase, stripe_id="dp_2", amount=10_000, reason="fraudulent")
    packs.tell_dispute(dispute, top_ups_off=True)
    packs.tell_differences(
        Reconciliation(started_at=NOW, differences=["pur_1: paid at Stripe, open here", "pi_9: of no purchase"])
    )
    found = [Problem(workspace.pk, "digest", "not what the chain says", 3), Problem(workspace.pk, "balance", "3 more")]
    ledger.tell_operator(found, now=NOW)
    prices.tell_of_failure("litellm", "The catalogue lost 212 of 1,904 lines.", NOW)
    _rise()
    unknown = {"event_id": "e1", "model": "openai/gpt-9", "usage": {"input_tokens": 5}, "occurred_at": NOW.isoformat()}
    usage_record(workspace_id=workspace.pk, source=Source("service"), event=parse_event(unknown))
    tell_of_waiting(clock.now())


def _rise() -> None:
    import_demo_prices()
    record = PriceImport.objects.order_by("-pk")[0]
    line = PriceLine.objects.filter(model="gpt-4o", meter="input_tokens", status="active").order_by("pk")[0]
    line.pk, line.price, line.status, line.imported = None, line.price * 2, "pending", record
    line.save(force_insert=True)
    prices.tell_of_rises(record, [PriceChange(kind=PriceChange.Kind.HELD, line=line)])
