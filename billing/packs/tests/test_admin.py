"""What staff do in the admin: packs, codes, the policy, refunds in two steps."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.packs.models import MoneyBack, Pack, PaymentPolicy, Promotion, Purchase, Reconciliation
from billing.packs.reconcile import reconcile
from billing.packs.tests.conftest import Buy, code, credits_of, paid, sound
from portal.testing.fixtures import client_of, person
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(db: None) -> Client:
    user = person("sam@operator.example", "correct horse 9", "Sam Staff")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    user.refresh_from_db()
    return client_of(user)


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:packs_{name}", args=args)


def text(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


FIELDS = {
    "key": "mega",
    "name": "Mega",
    "description": "",
    "currency": "usd",
    "credits": "100000",
    "bonus_credits": "0.5",
    "price": "450.00",
    "validity_days": "",
    "plans": ["pro"],
    "position": "40",
    "active": "on",
}


def test_a_pack_is_made_and_changed(staff: Client, workspace: Workspace) -> None:
    assert staff.post(url("pack_add"), FIELDS).status_code == 302
    made = Pack.objects.get(key="mega")
    assert (made.credits, made.bonus_credits, made.price, made.version) == (100_000 * NANO, NANO // 2, 45_000, 1)
    assert (made.plans, made.validity_days) == (["pro"], None)
    page = text(staff.get(url("pack_change", made.pk)))
    assert 'value="450.00"' in page
    assert staff.post(url("pack_change", made.pk), FIELDS | {"price": "400", "plans": []}).status_code == 302
    made.refresh_from_db()
    assert (made.price, made.plans, made.version) == (40_000, [], 2)
    assert list(
        AuditEntry.objects.filter(action__startswith="pack.").values_list("action", flat=True).order_by("pk")
    ) == [
        "pack.made",
        "pack.changed",
    ]
    wrong: dict[str, Any]
    for wrong, words in (
        ({"price": "0.49"}, "At least $0.50"),
        ({"price": "1.005"}, "At least $0.50"),
        ({"credits": "0"}, "More than 0 credits."),
        ({"plans": ["nope"]}, "Select a valid choice"),
        ({"currency": "12$"}, "The three letters of a currency"),
        ({"validity_days": "0"}, "From 1 to 36,500 days"),
    ):
        shown = text(staff.post(url("pack_change", made.pk), FIELDS | wrong))
        assert words in shown, wrong
        assert "Constraint" not in shown
    made.refresh_from_db()
    assert made.version == 2


def test_a_code_is_made(staff: Client) -> None:
    given = {"code": " spring 27", "percent_off": "20", "bonus_credits": "", "most": "", "most_per_workspace": "1"}
    assert staff.post(url("promotion_add"), given | {"active": "on"}).status_code == 302
    made = Promotion.objects.get()
    assert (made.code, made.percent_off) == ("SPRING27", 20)
    for wrong in ({"bonus_credits": "5"}, {"percent_off": "0"}, {"percent_off": "100"}, {"code": "ä"}):
        assert staff.post(url("promotion_add"), given | {"code": "NEXT"} | wrong).status_code == 200, wrong
    assert Promotion.objects.count() == 1
    assert AuditEntry.objects.filter(action="promotion.made").count() == 1


def test_the_policy(staff: Client) -> None:
    page = staff.get(url("paymentpolicy_changelist"), follow=True)
    assert "Take them out, and decline new requests" in text(page)
    staff.post(url("paymentpolicy_change", 1), {"on_dispute": "suspend", "top_ups_per_hour": "0"})
    assert not PaymentPolicy.objects.exists()  # refused, and looking made none
    staff.post(url("paymentpolicy_change", 1), {"on_dispute": "suspend", "top_ups_per_hour": "2"})
    policy = PaymentPolicy.objects.get()
    assert (policy.on_dispute, policy.top_ups_per_hour) == ("suspend", 2)
    entry = AuditEntry.objects.get(action="payment_policy.changed")
    assert entry.after == {"on_dispute": "suspend", "top_ups_per_hour": 2}


def test_a_refund_is_shown_then_made_once(staff: Client, shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    code("MORE", bonus_credits=100 * NANO)
    purchase = paid(shop, buy(code="MORE"))
    action = url("purchase_refund", purchase.pk)
    page = text(staff.get(action))
    assert "Worth of what is not spent" in page
    assert 'value="50.00"' in page
    assert MoneyBack.objects.count() == 0
    form = {"key": "form-1", "amount": "10.00", "reason": "Goodwill"}
    page = text(staff.post(action, form))
    for part in ("This will happen", "$10.00", "2,000", "Bonus of the pack: credits taken", "Bonus of the code"):
        assert part in page, part
    assert MoneyBack.objects.count() == 0
    for _ in range(2):
        assert staff.post(action, form | {"step": "confirm"}).status_code == 302
    assert shop.books()["totals"]["usd"]["refund"] == -1_000
    assert credits_of(workspace) == 8_480 * NANO
    (back,) = MoneyBack.objects.all()
    assert back.reason == "Goodwill"
    assert str(back.document) in text(staff.get(url("purchase_change", purchase.pk)))
    page = text(staff.post(action, form | {"key": "2", "amount": "40.01", "step": "confirm"}))
    assert "at most $40.00" in page
    sound(workspace)


def test_stripe_does_not_answer(staff: Client, shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    purchase = paid(shop, buy())
    shop.control("faults", on="refunds", method="POST", status=500, times=2)
    form = {"key": "form-1", "amount": "10.00", "reason": "Goodwill", "step": "confirm"}
    page = text(staff.post(url("purchase_refund", purchase.pk), form))
    assert "does not answer at the moment" in page
    assert staff.post(url("purchase_refund", purchase.pk), form).status_code == 302
    assert MoneyBack.objects.get().status == "gone"


def test_asking_stripe_by_hand(staff: Client, shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    purchase = buy()
    shop.pay(str(purchase.session_id))
    ask = url("purchase_ask_stripe", purchase.pk)
    assert staff.get(ask).status_code == 200
    assert credits_of(workspace) == 0
    assert staff.post(ask, {"key": "1"}).status_code == 302
    assert credits_of(workspace) == 10_500 * NANO


def test_every_list_and_page_is_there(staff: Client, shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    code("SPRING")
    purchase = paid(shop, buy(code="SPRING"))
    shop.control("disputes", payment_intent=purchase.payment_id)
    reconcile(now=clock.now())
    for name in ("pack", "promotion", "purchase", "moneyback", "redemption", "reconciliation"):
        assert staff.get(url(f"{name}_changelist")).status_code == 200
    run = Reconciliation.objects.get()
    assert "disputed here" in text(staff.get(url("reconciliation_change", run.pk)))
    assert staff.get(url("purchase_change", purchase.pk)).status_code == 200
    assert "Purchases" in text(staff.get(reverse("admin:index")))


def test_who_may_not(shop: SimulatedStripe, workspace: Workspace, buy: Buy, alice: User) -> None:
    purchase = buy()
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    alice.refresh_from_db()
    client = client_of(alice)
    for name in ("purchase_refund", "purchase_ask_stripe"):
        assert client.get(url(name, purchase.pk)).status_code == 403
        assert client.post(url(name, purchase.pk), {"step": "confirm"}).status_code == 403
    assert Purchase.objects.get().status == "open"
