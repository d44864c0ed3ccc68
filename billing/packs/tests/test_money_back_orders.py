"""Refunds and disputes in orders that are rare: what failed is tried again, answers that are old, what expired."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.correction_services import operation_reverse
from billing.ledger.selectors import balance
from billing.ledger.services import wallet_settle
from billing.packs import moneyback
from billing.packs.attending import attend, notice_write
from billing.packs.clawback import refund_parts
from billing.packs.errors import NotRefundable, RefundWaits
from billing.packs.models import MoneyBack, Purchase
from billing.packs.moneyback import refund_ask, refundable_money
from billing.packs.reconcile import reconcile
from billing.packs.tests.conftest import (
    Buy,
    Refunding,
    agree,
    credits_of,
    decide,
    dispute,
    happened,
    look,
    spend,
)
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)
Status = MoneyBack.Status


def expire(workspace: Workspace) -> None:
    """The packs are good for a year."""
    wallet_settle(workspace_id=workspace.pk, now=clock.now() + timedelta(days=366))


def test_a_refund_that_failed_is_made_again(
    growth: Purchase, workspace: Workspace, refund: Refunding, shop: SimulatedStripe
) -> None:
    """The credit note of the failed one was taken off the invoice; what was invoiced again is credited as well."""
    first = refund(1_000)
    shop.control("refunds/fail", refund=first.stripe_id)
    happened(growth)
    assert refundable_money(growth) == 5_000
    again = refund(5_000, "r2")
    assert again.status == Status.GONE
    assert credits_of(workspace) == 0
    agree(growth, kept=0)
    shop.control("refunds/fail", refund=again.stripe_id)
    happened(growth)
    assert credits_of(workspace) == 10_500 * NANO
    agree(growth, kept=5_000)
    refund(2_000, "r3")
    refund(3_000, "r4")
    agree(growth, kept=0)


def test_what_expired_becomes_no_debt(growth: Purchase, workspace: Workspace, refund: Refunding) -> None:
    spend(workspace, 500 + 4_000)
    expire(workspace)
    assert credits_of(workspace) == 0
    assert [(part.part, part.takes // NANO) for part in refund_parts(growth, 5_000)] == [("", 4_000), ("bonus", 500)]
    refund(2_500)
    assert credits_of(workspace) == -250 * NANO, "of the bonus, all of which was spent; 6,000 bought ones had expired"
    refund(2_500, "r2")
    assert balance(workspace.pk).debt == 4_500 * NANO, "what was spent, not what expired"
    agree(growth, kept=0)


def test_an_answer_that_got_lost_for_days(
    growth: Purchase, workspace: Workspace, refund: Refunding, shop: SimulatedStripe
) -> None:
    """Stripe forgets keys after a day. What was done is found by what it says of itself, not by the key."""
    shop.control("faults", on="refunds", method="POST", status=500, afterwards=True, times=2)
    with pytest.raises(RefundWaits, match="asked for again"):
        refund(1_000)
    with shop.server.app.world.store.transaction():
        for known in shop.server.app.world.store.all("idempotency"):
            known["at"] -= 90_000
    Purchase.objects.update(look_at=clock.now())
    look()
    assert MoneyBack.objects.get().status == Status.GONE
    assert shop.books()["totals"]["usd"]["refund"] == -1_000
    agree(growth, kept=4_000)


def test_an_answer_that_is_older_than_what_is_known(
    growth: Purchase, workspace: Workspace, refund: Refunding, shop: SimulatedStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker asks; while its answer is on the way the refund fails, and another worker takes that in."""
    back, ask = refund(1_000), moneyback.refunds_of

    def slow(payment: str) -> Any:
        answer = ask(payment)
        monkeypatch.setattr(moneyback, "refunds_of", ask)
        shop.control("refunds/fail", refund=back.stripe_id)
        happened(growth)
        return answer

    monkeypatch.setattr(moneyback, "refunds_of", slow)
    attend(growth.pk)
    back.refresh_from_db()
    assert back.status == Status.BACK
    assert credits_of(workspace) == 10_500 * NANO
    agree(growth, kept=5_000)


def test_a_refund_sent_by_two_at_once(
    growth: Purchase, refund: Refunding, shop: SimulatedStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form and the worker; and it has failed when the second one has its answer."""
    send = moneyback.refund_create

    def slow(**given: Any) -> Any:
        answer = send(**given)
        monkeypatch.setattr(moneyback, "refund_create", send)
        happened(growth)
        shop.control("refunds/fail", refund=answer.id)
        happened(growth)
        return answer

    monkeypatch.setattr(moneyback, "refund_create", slow)
    assert refund(1_000).status == Status.BACK
    agree(growth, kept=5_000)


def test_more_is_disputed_than_was_left(
    growth: Purchase, workspace: Workspace, refund: Refunding, shop: SimulatedStripe
) -> None:
    """A refund, then the bank takes all of it; and then the refund fails: everything is still away."""
    back = refund(1_000)
    key = dispute(shop, growth)
    with shop.server.app.world.store.transaction():
        shop.server.app.world.get("dispute", key)["amount"] = 5_000
    happened(growth)
    assert credits_of(workspace) == 0
    shop.control("refunds/fail", refund=back.stripe_id)
    happened(growth)
    assert credits_of(workspace) == 0
    decide(shop, growth, key, "lost")
    assert credits_of(workspace) == 0
    agree(growth, kept=0)


def test_two_refunds_at_once_are_never_more_than_was_paid(growth: Purchase, alice: User, shop: SimulatedStripe) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    from accounts.errors import Refused

    def ask(number: int) -> str:
        try:
            return refund_ask(purchase=growth, amount=2_000, reason="r", key=f"k{number}", actor=alice).status
        except Refused as refused:
            return type(refused).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        got = sorted(pool.map(ask, range(4)))
    assert got == ["NotRefundable", "NotRefundable", Status.GONE, Status.GONE]
    assert shop.books()["totals"]["usd"]["refund"] == -4_000
    agree(growth, kept=1_000)


def test_taken_back_by_hand_before_it_was_won(growth: Purchase, workspace: Workspace, shop: SimulatedStripe) -> None:
    """Staff reversed what the dispute had taken: it is not given back twice, and nothing waits for ever."""
    key = dispute(shop, growth)
    (back,) = growth.money_back.all()
    operation_reverse(workspace_id=workspace.pk, operation_id=back.taken[0], key="by hand", reason="x", actor="staff")
    decide(shop, growth, key, "won")
    assert credits_of(workspace) == 10_500 * NANO
    agree(growth, kept=5_000)


def test_a_key_that_is_in_use_is_no_refusal(growth: Purchase, refund: Refunding, shop: SimulatedStripe) -> None:
    """Stripe is still at it, for another process of ours: what it does is not known yet."""
    told = {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "in use"}
    shop.control("faults", on="refunds", method="POST", status=409, times=2, error=told)
    with pytest.raises(RefundWaits):
        refund(1_000)
    assert MoneyBack.objects.get().status == Status.ASKED
    Purchase.objects.update(look_at=clock.now())
    look()
    assert MoneyBack.objects.get().status == Status.GONE
    agree(growth, kept=4_000)


def test_from_test_mode_to_live_mode(
    growth: Purchase,
    workspace: Workspace,
    refund: Refunding,
    buy: Buy,
    shop: SimulatedStripe,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was begun and paid in the other mode is none of this one's: it waits, and is no difference."""
    begun = buy(key="begun")
    shop.pay(str(begun.session_id))
    notice_write(begun, "test")
    Purchase.objects.update(look_at=clock.now())
    shop.control("faults", on="", status=404, times=100)  # live mode knows nothing of it
    settings.STRIPE_LIVE_MODE = True
    look()
    with pytest.raises(NotRefundable, match="other mode"):
        refund(1_000)
    with monkeypatch.context() as patched:
        for name in ("payments_since", "refunds_since", "disputes_since"):
            patched.setattr(f"billing.packs.reconcile.{name}", lambda _: iter(()))
        assert reconcile(now=clock.now()).differences == []
    shop.control("faults")
    settings.STRIPE_LIVE_MODE = False
    look()
    assert credits_of(workspace) == 21_000 * NANO
