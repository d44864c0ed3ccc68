"""Refunds, reversals and releases by hand: looking changes nothing, sending twice is once, and somebody is named."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.ledger.book import open_book
from billing.ledger.models import HoldResolution, Lot, Operation
from billing.ledger.records import OperationDraft
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust, credits_grant
from billing.ledger.verify import verify
from billing.metering.events import EventInput, Source
from billing.metering.models import EventReversal, UsageEvent
from billing.metering.record import usage_record
from billing.pricing.testing import import_demo_prices

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return signed_in(alice)


@pytest.fixture
def lot(workspace: Workspace) -> Lot:
    """90 bought credits, 60 of them spent; 20 promotional ones that never expire."""
    import_demo_prices()
    bought = credits_grant(
        workspace_id=workspace.pk,
        key="pack",
        amount=90 * NANO,
        label="Top-up",
        source="bought",
        kind="grant.pack",
        unit_price_usd=Decimal("0.0045"),
    )
    event = EventInput("e1", "openai/gpt-4o-mini", {"input_tokens": Decimal(2_000_000)})
    usage_record(workspace_id=workspace.pk, source=Source("service"), event=event)
    credits_grant(workspace_id=workspace.pk, key="gift", amount=20 * NANO, label="Gift")
    return Lot.objects.get(pk=bought.lot_id)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=user.pk), backend="django.contrib.auth.backends.ModelBackend")
    return client


def hold(workspace: Workspace, amount: int) -> int:
    with open_book(workspace.pk) as book:
        draft = OperationDraft("t", "hold", bytes(32), "hold.place")
        until = book.now + timedelta(hours=1)
        return book.hold(operation=draft, amount=amount, expires_at=until, origin="service", label="openai/gpt-4o").id


def refund_url(lot: Lot) -> str:
    return reverse("admin:ledger_lot_refund", args=[lot.pk])


def reverse_url(operation_id: int) -> str:
    return reverse("admin:ledger_operation_reverse", args=[operation_id])


def release_url(pk: int) -> str:
    return reverse("admin:ledger_hold_release", args=[pk])


def values(**changes: Any) -> dict[str, Any]:
    return {"key": "form-1", "amount": "45", "reason": "asked for it", "step": "confirm", **changes}


REASON = {"key": "form-1", "reason": "a mistake", "confirmed": "on"}


def seen(response: Any) -> str:
    return " ".join(response.content.decode().split())


def assert_clean(workspace: Workspace) -> None:
    assert verify(workspace_id=workspace.pk).problems == []


def test_a_refund_is_shown_before_it_is_done(staff: Client, workspace: Workspace, lot: Lot) -> None:
    page = seen(staff.get(refund_url(lot)))
    assert "30 ($0.14 at the price paid)" in page  # unspent
    assert 'value="30"' in page  # proposed
    before = Operation.objects.count()
    preview = staff.post(refund_url(lot), values(step=""))
    assert dict(preview.context["effect"]) == {
        "Refunded": "45 ($0.20 at the price paid)",
        "Taken out of the lot": "30",
        "Spent or on hold, becomes debt": "15",
        "Of that repaid at once by other credits": "15",
        "Owed after": "0",
        "Available after": "5",
    }
    assert Operation.objects.count() == before
    done = seen(staff.post(refund_url(lot), values(), follow=True))
    assert "45 refunded: 30 were in the lot, 15 were spent already." in done
    assert balance(workspace.pk).available == 5 * NANO
    assert_clean(workspace)


def test_a_refund_leaves_a_trace(staff: Client, workspace: Workspace, lot: Lot, alice: User) -> None:
    staff.post(refund_url(lot), values())
    entry = AuditEntry.objects.get(action="credits.refunded")
    assert (entry.actor, entry.workspace, entry.reason) == (alice, workspace, "asked for it")
    assert entry.after == {"from_lot": "30", "spent": "15", "owed": "0", "balance": "5"}
    operation = Operation.objects.get(kind="refund.pack")
    assert (operation.actor, operation.reason, operation.reverses_id) == (alice.email, "asked for it", lot.operation_id)


def test_sending_a_refund_twice_refunds_once(staff: Client, workspace: Workspace, lot: Lot) -> None:
    staff.post(refund_url(lot), values())
    assert "nothing was posted twice" in seen(staff.post(refund_url(lot), values(), follow=True))
    assert "sent before with other values" in seen(staff.post(refund_url(lot), values(amount="1")))
    assert balance(workspace.pk).available == 5 * NANO
    assert AuditEntry.objects.filter(action="credits.refunded").count() == 1


def test_no_more_than_came_in_is_refunded(staff: Client, workspace: Workspace, lot: Lot) -> None:
    staff.post(refund_url(lot), values())
    assert "At most 45 can be refunded." in seen(staff.post(refund_url(lot), values(key="2", amount="46", step="")))
    for step in ("", "confirm"):
        answer = staff.post(refund_url(lot), values(key="2", amount="9999999999.999999999", step=step))
        assert "do not fit the ledger" in seen(answer)
    assert "Nothing was posted" in seen(staff.post(refund_url(lot), values(key="2", amount="46")))
    assert Operation.objects.filter(kind="refund.pack").count() == 1
    staff.post(refund_url(lot), values(key="2", amount="45"))
    assert balance(workspace.pk).debt == 40 * NANO
    assert_clean(workspace)


@pytest.mark.parametrize("changes", [{"amount": "0"}, {"amount": "NaN"}, {"reason": ""}, {"key": ""}])
def test_incomplete_refunds_post_nothing(staff: Client, lot: Lot, changes: dict[str, str]) -> None:
    assert staff.post(refund_url(lot), values(**changes)).status_code == 200
    assert not Operation.objects.filter(kind="refund.pack").exists()


def test_what_was_entered_can_be_changed_before_it_is_done(staff: Client, lot: Lot) -> None:
    page = staff.post(refund_url(lot), values(step="change"))
    assert page.context["effect"] == []
    assert 'value="45"' in seen(page)
    assert not Operation.objects.filter(kind="refund.pack").exists()


def test_a_grant_is_taken_back(staff: Client, workspace: Workspace, lot: Lot) -> None:
    facts = dict(staff.get(reverse_url(lot.operation_id)).context["facts"])
    assert (facts["Taken out of the lot"], facts["Spent or on hold, becomes debt"]) == ("30", "60")
    done = seen(staff.post(reverse_url(lot.operation_id), REASON, follow=True))
    assert "90 taken back." in done
    assert (balance(workspace.pk).available, balance(workspace.pk).debt) == (0, 40 * NANO)
    assert AuditEntry.objects.get(action="operation.reversed").reason == "a mistake"
    assert "nothing was posted twice" in seen(staff.post(reverse_url(lot.operation_id), REASON, follow=True))
    again = seen(staff.post(reverse_url(lot.operation_id), {**REASON, "key": "form-2"}))
    assert "This was reversed before" in again
    assert Operation.objects.filter(kind="grant.reverse").count() == 1
    assert_clean(workspace)


def test_an_adjustment_is_taken_back(staff: Client, workspace: Workspace, lot: Lot) -> None:
    credits_adjust(workspace_id=workspace.pk, key="less", amount=-40 * NANO, reason="Wrong", actor="root")
    operation = Operation.objects.get(kind="adjust.operator")
    assert dict(staff.get(reverse_url(operation.pk)).context["facts"])["Comes back"] == "40"
    staff.post(reverse_url(operation.pk), REASON)
    assert balance(workspace.pk).available == 50 * NANO
    assert_clean(workspace)


def test_only_what_can_be_taken_back_is_offered(staff: Client, lot: Lot) -> None:
    spent = Operation.objects.get(kind="usage.spend")
    for pk, offered in ((lot.operation_id, True), (spent.pk, False)):
        page = staff.get(reverse("admin:ledger_operation_change", args=[pk])).content.decode()
        assert (reverse_url(pk) in page) is offered
    assert "Only grants, adjustments and refunds" in seen(staff.post(reverse_url(spent.pk), REASON))
    staff.post(reverse_url(lot.operation_id), REASON)
    page = staff.get(reverse("admin:ledger_operation_change", args=[lot.operation_id])).content.decode()
    assert reverse_url(lot.operation_id) not in page


def test_a_hold_is_released(staff: Client, workspace: Workspace, lot: Lot, alice: User) -> None:
    pk = hold(workspace, 25 * NANO)
    page = staff.get(reverse("admin:ledger_hold_change", args=[pk])).content.decode()
    assert release_url(pk) in page
    assert "20 of Gift, 5 of Top-up" in page  # what the operator gave is spent first
    assert staff.get(release_url(pk)).status_code == 200
    assert not HoldResolution.objects.exists()
    done = seen(staff.post(release_url(pk), REASON, follow=True))
    assert f"hold_{pk} released" in done
    assert balance(workspace.pk).held == 0
    entry = AuditEntry.objects.get(action="hold.released")
    assert (entry.actor, entry.reason) == (alice, "a mistake")
    assert "nothing was posted twice" in seen(staff.post(release_url(pk), REASON, follow=True))
    assert "was released before" in seen(staff.post(release_url(pk), {**REASON, "key": "form-2"}))
    assert HoldResolution.objects.count() == 1
    assert release_url(pk) not in staff.get(reverse("admin:ledger_hold_change", args=[pk])).content.decode()


def charge_url(event: UsageEvent) -> str:
    return reverse("admin:metering_usageevent_give_back", args=[event.pk])


def test_a_charge_is_taken_back(staff: Client, workspace: Workspace, lot: Lot, alice: User) -> None:
    event = UsageEvent.objects.get()
    change = reverse("admin:metering_usageevent_change", args=[event.pk])
    assert charge_url(event) in staff.get(change).content.decode()
    facts = dict(staff.get(charge_url(event)).context["facts"])
    assert (facts["Charged"], facts["Of that beyond the balance"]) == ("60", "0")
    assert not EventReversal.objects.exists()
    done = seen(staff.post(charge_url(event), REASON, follow=True))
    assert "60 taken back: 60 went back to lots, 0 of debt were cancelled." in done
    assert balance(workspace.pk).available == 110 * NANO
    entry = AuditEntry.objects.get(action="usage.reversed")
    assert (entry.actor, entry.reason, entry.after["returned"]) == (alice, "a mistake", "60")
    for key in ("form-1", "form-2"):
        again = seen(staff.post(charge_url(event), {**REASON, "key": key}, follow=True))
        assert "nothing was posted twice" in again
    assert AuditEntry.objects.filter(action="usage.reversed").count() == 1
    assert charge_url(event) not in staff.get(change).content.decode()
    assert_clean(workspace)


def test_a_charge_of_nothing_cannot_be_taken_back(staff: Client, workspace: Workspace, lot: Lot) -> None:
    event = EventInput("free", "nobody/knows-me", {"input_tokens": Decimal(1)})
    usage_record(workspace_id=workspace.pk, source=Source("service"), event=event)
    page = staff.post(charge_url(UsageEvent.objects.get(event_id="free")), REASON)
    assert "This event cost nothing" in seen(page)
    assert not EventReversal.objects.exists()


def test_holds_are_found_by_state_and_by_the_id_that_customers_see(
    staff: Client, workspace: Workspace, lot: Lot
) -> None:
    pk = hold(workspace, 25 * NANO)
    listing = reverse("admin:ledger_hold_changelist")
    change = reverse("admin:ledger_hold_change", args=[pk])
    for query, found in (
        ("", True),
        ("?state=open", True),
        ("?state=settle", False),
        ("?state=expire", False),
        (f"?q=hold_{pk}", True),
        ("?q=hold_1", pk == 1),
        (f"?q={workspace.public_id}", True),
    ):
        assert (change in staff.get(listing + query).content.decode()) is found, query
    assert staff.post(change, {"label": "never"}).status_code == 403


def test_the_workspace_leads_to_its_lots_and_corrections(staff: Client, workspace: Workspace, lot: Lot) -> None:
    for name, row in (("lots", lot.pk), ("operations", lot.operation_id)):
        page = staff.get(reverse(f"admin:accounts_workspace_{name}", args=[workspace.pk]), follow=True)
        assert page.status_code == 200
        model = {"lots": "lot", "operations": "operation"}[name]
        assert reverse(f"admin:ledger_{model}_change", args=[row]) in page.content.decode()
    spent = Operation.objects.get(kind="usage.spend")
    assert reverse("admin:ledger_operation_change", args=[spent.pk]) not in page.content.decode()


def test_only_staff_who_may_post_get_there(workspace: Workspace, lot: Lot, bob: User) -> None:
    pk = hold(workspace, NANO)
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    client = signed_in(bob)
    for url, data in (
        (refund_url(lot), values()),
        (reverse_url(lot.operation_id), REASON),
        (release_url(pk), REASON),
        (charge_url(UsageEvent.objects.get()), REASON),
    ):
        assert client.get(url).status_code == 403
        assert client.post(url, data).status_code == 403
        assert Client().post(url, data).status_code == 302
    assert balance(workspace.pk).available == 49 * NANO


def test_unknown_rows_are_not_found(staff: Client) -> None:
    for name in ("lot_refund", "operation_reverse", "hold_release"):
        assert staff.get(reverse(f"admin:ledger_{name}", args=[0])).status_code == 404
    assert staff.get(reverse("admin:metering_usageevent_give_back", args=[0])).status_code == 404


def test_without_the_forms_token_nothing_is_posted(workspace: Workspace, lot: Lot, staff: Client, alice: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(pk=alice.pk), backend="django.contrib.auth.backends.ModelBackend")
    assert strict.post(refund_url(lot), values()).status_code == 403
    assert not Operation.objects.filter(kind="refund.pack").exists()
