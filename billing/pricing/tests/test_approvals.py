"""What a person decides, and the admin that asks."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.pricing.approvals import NotWaiting, markup_add, price_approve, price_reject
from billing.pricing.book import prices_for
from billing.pricing.models import Markup, Meter, PriceLine
from billing.pricing.services import import_reading
from billing.pricing.sources.rows import ModelRow, Reading
from billing.pricing.testing import rises_after
from billing.pricing.tests.builders import rated
from billing.pricing.tests.test_import import DAY1, DAY2, MINUTE, cost, read, row

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rises_at_once(db: None) -> None:
    rises_after(0)


def pending() -> PriceLine:
    return PriceLine.objects.get(status="pending")


@pytest.fixture
def _waiting(db: None) -> None:
    read(row("input_tokens", "2"))
    read(row("input_tokens", "3"), at=DAY2)


@pytest.mark.usefixtures("_waiting")
def test_an_approved_price_counts_a_minute_later() -> None:
    later = DAY2 + timedelta(hours=5)
    price_approve(line_id=pending().pk, by="a test", now=later)
    assert [cost(at) for at in (DAY2, later + MINUTE - timedelta(seconds=1), later + MINUTE)] == [2, 2, 3]
    entry = AuditEntry.objects.get(action="price.approve")
    assert (entry.before["price"], entry.after["price"]) == ("2", "3")


def test_an_approved_price_of_a_better_source_does_not_reach_back() -> None:
    described = [ModelRow("acme", "m1", "M1", "text")]
    import_reading(Reading("bundled", "1", [row("input_tokens", "2")], described), now=DAY1)
    read(row("input_tokens", "0"), at=DAY2)
    price_approve(line_id=pending().pk, by="a test", now=DAY2)
    assert [cost(at) for at in (DAY1, DAY2, DAY2 + MINUTE)] == [2, 2, 0]


@pytest.mark.usefixtures("_waiting")
def test_a_rejected_price_is_not_asked_about_again() -> None:
    price_reject(line_id=pending().pk, by="a test")
    report = read(row("input_tokens", "3"), row("output_tokens", "1"), at=DAY2 + timedelta(days=1))
    assert report.held == 1
    assert not PriceLine.objects.filter(status="pending").exists()
    assert cost(DAY2 + timedelta(days=2)) == 2
    read(row("input_tokens", "4"), row("output_tokens", "1"), at=DAY2 + timedelta(days=3))
    assert pending().price == 4


@pytest.mark.usefixtures("_waiting")
def test_a_line_is_decided_once() -> None:
    line = pending()
    price_approve(line_id=line.pk, by="a test")
    with pytest.raises(NotWaiting, match="active already"):
        price_approve(line_id=line.pk, by="a test")
    with pytest.raises(NotWaiting, match="active already"):
        price_reject(line_id=line.pk, by="a test")


def test_an_approved_zero_of_a_new_meter_is_free_since_ever() -> None:
    read(row("input_tokens", "2"), row("output_tokens", "0"))
    price_approve(line_id=pending().pk, by="a test", now=DAY2)
    assert cost(DAY1, meter="output_tokens") == 0


def test_another_currency_can_never_be_approved() -> None:
    read(row("input_tokens", "2", currency="EUR"))
    with pytest.raises(NotWaiting, match="another currency"):
        price_approve(line_id=pending().pk, by="a test")


def test_a_markup_starts_a_minute_from_now_and_is_never_changed() -> None:
    read(row("input_tokens", "2"))
    with clock.at(DAY2):
        markup = markup_add(percent=Decimal(20), by="a test")
        early = markup_add(percent=Decimal(10), provider="acme", effective_from=DAY1, by="a test")
    assert markup.effective_from == early.effective_from == DAY2 + MINUTE
    assert [cost(at) for at in (DAY2, DAY2 + MINUTE)] == [2, Decimal("2.2")]
    prices = prices_for("acme/m1")
    assert prices is not None
    assert rated(prices, {"input_tokens": 1}, at=DAY2 + MINUTE).lines[0].markup_percent == 10


@pytest.mark.parametrize("fields", [{"percent": -100}, {"percent": 5, "model": "m1"}])
def test_the_database_refuses_impossible_markups(fields: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Markup.objects.create(**fields)


class TestAdmin:
    @pytest.fixture
    def staff(self, client: Client) -> Client:
        client.force_login(User.objects.create_superuser("olga@example.com", "correct horse 9"))
        return client

    @pytest.mark.usefixtures("_waiting")
    @pytest.mark.parametrize("name", ["catalogmodel", "priceline", "markup", "meter", "priceimport"])
    def test_every_list_opens(self, staff: Client, name: str) -> None:
        assert staff.get(reverse(f"admin:pricing_{name}_changelist")).status_code == 200

    @pytest.mark.usefixtures("_waiting")
    @pytest.mark.parametrize(("action", "status"), [("approve", "active"), ("reject", "rejected")])
    def test_held_prices_are_decided_by_post(self, staff: Client, action: str, status: str) -> None:
        line = pending()
        url = reverse("admin:pricing_priceline_changelist")
        assert staff.post(url, {"action": action, "_selected_action": [line.pk]}).status_code == 302
        line.refresh_from_db()
        assert line.status == status

    @pytest.mark.usefixtures("_waiting")
    def test_lines_cannot_be_edited_or_deleted(self, staff: Client) -> None:
        line = pending()
        assert staff.post(reverse("admin:pricing_priceline_change", args=[line.pk]), {}).status_code == 403
        assert staff.post(reverse("admin:pricing_priceline_delete", args=[line.pk]), {"post": "yes"}).status_code == 403
        assert staff.get(reverse("admin:pricing_priceline_add")).status_code == 403

    @pytest.mark.usefixtures("_waiting")
    def test_staff_without_the_permission_cannot_decide(self, client: Client) -> None:
        user = User.objects.create_user("sam@example.com", "correct horse 8", is_staff=True)
        client.force_login(user)
        line = pending()
        url = reverse("admin:pricing_priceline_changelist")
        assert client.post(url, {"action": "approve", "_selected_action": [line.pk]}).status_code == 403
        line.refresh_from_db()
        assert line.status == "pending"

    def test_a_markup_is_added_through_the_service(self, staff: Client) -> None:
        data = {"provider": "", "model": "", "percent": "20", "effective_from_0": "", "effective_from_1": ""}
        assert staff.post(reverse("admin:pricing_markup_add"), data).status_code == 302
        markup = Markup.objects.get()
        assert markup.percent == 20
        assert markup.effective_from is not None
        assert markup.effective_from > datetime.now(UTC)
        assert AuditEntry.objects.filter(action="price.markup").count() == 1

    def test_operators_add_meters_of_their_own(self, staff: Client) -> None:
        data = {"key": "gpu_minutes", "label": "GPU minutes", "unit": "minute", "contained_in": "", "position": "900"}
        data |= {"aggregation": "sum"}
        assert staff.post(reverse("admin:pricing_meter_add"), data).status_code == 302
        assert Meter.objects.get(key="gpu_minutes").label == "GPU minutes"
