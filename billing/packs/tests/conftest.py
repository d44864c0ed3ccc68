"""Buying at the stand-in: packs, a shop that is connected, and what moves a purchase on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.due.registry import JobRun, run_due
from billing.gateway.checkout import Back
from billing.gateway.endpoint import connect
from billing.invoices.models import Document
from billing.ledger.models import Lot
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust
from billing.ledger.verify import verify
from billing.packs.attending import notice_write
from billing.packs.buying import purchase_begin
from billing.packs.models import MoneyBack, Pack, Promotion, Purchase
from billing.packs.moneyback import refund_ask
from billing.packs.reconcile import reconcile
from billing.packs.tasks import JOB
from portal.testing.simulated import SimulatedStripe

Buy = Callable[..., Purchase]
Refunding = Callable[..., MoneyBack]


@pytest.fixture
def shop(simulated: SimulatedStripe, workspace: Workspace) -> SimulatedStripe:
    """The stand-in, which tells nobody: work by the clock has to find out."""
    return simulated


@pytest.fixture
def connected(simulated_file: SimulatedStripe, live_server: Any, settings: Any) -> SimulatedStripe:
    """Webhooks arrive at the real view of a real web server."""
    settings.STRIPE_WEBHOOK_BASE = settings.SITE_URL = live_server.url
    connect()
    return simulated_file


@pytest.fixture
def buy(workspace: Workspace, alice: User) -> Buy:
    """`buy("growth", key="k", code="SPRING")`: begun, not paid."""

    def begin(pack: str = "growth", *, key: str = "k", code: str = "", of: Workspace | None = None) -> Purchase:
        back = Back("http://testserver/done", "http://testserver/left")
        return purchase_begin(
            workspace=of or workspace, pack_key=pack, key=key, code=code, back=lambda _: back, buyer=alice
        )[0]

    return begin


@pytest.fixture
def growth(shop: SimulatedStripe, buy: Buy) -> Purchase:
    """10,000 credits and 500 of bonus for $50.00."""
    return paid(shop, buy())


@pytest.fixture
def refund(growth: Purchase, alice: User) -> Refunding:
    def ask(amount: int, key: str = "r1") -> MoneyBack:
        return refund_ask(purchase=growth, amount=amount, reason="Asked for", key=key, actor=alice)

    return ask


def look() -> None:
    """What the worker does; fails when something failed."""
    (run,) = run_due(only=JOB)
    assert run.error == "", run.error


def look_failing() -> JobRun:
    (run,) = run_due(only=JOB)
    assert run.error
    return run


def paid(simulated: SimulatedStripe, purchase: Purchase, number: str = "4242424242424242") -> Purchase:
    """Paid on the page of Checkout, and the customer came back."""
    assert "redirect" in simulated.pay(str(purchase.session_id), number)
    notice_write(purchase, "test")
    look()
    purchase.refresh_from_db()
    return purchase


def rewrite(**changes: Any) -> None:
    """Change what purchases promise, which the database refuses otherwise."""
    with connection.cursor() as cursor:
        cursor.execute("SET purser.ledger_rewrite = 'on'")
        try:
            Purchase.objects.update(**changes)
        finally:
            cursor.execute("RESET purser.ledger_rewrite")


def credits_of(workspace: Workspace) -> int:
    found = balance(workspace.pk)
    return found.available - found.debt


def sound(workspace: Workspace) -> None:
    """The ledger adds up, and so do the purchases."""
    assert verify(workspace_id=workspace.pk).problems == []


def code(text: str = "SPRING", **more: Any) -> Promotion:
    given = {"percent_off": 20} if "bonus_credits" not in more else {}
    return Promotion.objects.create(code=text, **given | more)


def pack(key: str = "growth") -> Pack:
    return Pack.objects.get(key=key)


def lots(workspace: Workspace) -> list[Lot]:
    return list(Lot.objects.filter(workspace=workspace).order_by("pk"))


def spend(workspace: Workspace, credits: int, key: str = "spent") -> None:
    """In burn order, like usage."""
    credits_adjust(workspace_id=workspace.pk, key=key, amount=-credits * NANO, reason="test", actor="test")


def happened(purchase: Purchase) -> None:
    notice_write(purchase, "test")
    look()


def agree(purchase: Purchase, *, kept: int) -> None:
    """What Stripe has left, what documents say, and the share of the credits are the same part of the purchase."""
    purchase.refresh_from_db()
    sound(purchase.workspace)
    assert reconcile(now=clock.now()).differences == []
    documents = Document.objects.filter(workspace=purchase.workspace)
    invoiced = sum(each.total for each in documents if not each.is_credit_note)
    credited = sum(each.total for each in documents if each.is_credit_note)
    assert invoiced - credited == kept


def dispute(simulated: SimulatedStripe, purchase: Purchase, amount: int | None = None) -> str:
    more: dict[str, Any] = {"amount": amount} if amount else {}
    made = simulated.control("disputes", payment_intent=purchase.payment_id, **more)
    happened(purchase)
    return str(made["id"])


def decide(simulated: SimulatedStripe, purchase: Purchase, key: str, outcome: str) -> None:
    simulated.control("disputes/decide", dispute=key, outcome=outcome)
    happened(purchase)
