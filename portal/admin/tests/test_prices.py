"""Prices in the admin: entering and retiring, sources, uploads, the record of a reading."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.foundation.audit.models import AuditEntry
from billing.pricing.models import CatalogModel, PriceImport, PriceLine, PriceSource
from billing.pricing.services import import_reading
from billing.pricing.testing import demo_reading, import_demo_prices
from portal.admin.tests.test_unrated import client_of

pytestmark = pytest.mark.django_db
FILE = {
    f"m{number}": {"mode": "chat", "litellm_provider": "acme", "input_cost_per_token": 1e-06} for number in range(20)
}


@pytest.fixture
def staff(alice: User) -> Client:
    import_demo_prices()
    return client_of(alice, superuser=True)


@pytest.fixture
def reader(bob: User) -> Client:
    import_demo_prices()
    return client_of(bob, "view_priceline", "view_pricesource", "view_priceimport", "view_catalogmodel")


def text_of(client: Client, url: str) -> str:
    page = client.get(url)
    assert page.status_code == 200
    return " ".join(page.content.decode().split())


class TestEntering:
    url = "/admin/pricing/priceline/enter/"
    form = {"key": "k", "model": "openai/gpt-4o", "meter": "input_tokens", "price": "2", "per": "1000000"}

    def test_it_is_shown_before_it_is_done(self, staff: Client) -> None:
        assert "Enter a price" in text_of(staff, self.url)
        page = staff.post(self.url, self.form).content.decode()
        assert "This will happen" in page
        assert "$2.5 / 1M tokens" in page  # until then
        assert not PriceLine.objects.filter(source="operator").exists()
        assert staff.post(self.url, {**self.form, "step": "confirm", "reason": "contract"}).status_code == 302
        line = PriceLine.objects.get(source="operator")
        assert (line.price, line.per, line.dims) == (2, 1_000_000, {})
        assert AuditEntry.objects.get(action="price.entered").reason == "contract"

    def test_errors_stand_by_their_fields(self, staff: Client) -> None:
        bad = {"price": "-2", "variant": "resolutoin=4k", "model": "openai/gpt-5000", "effective_from": "2020-01-31"}
        page = staff.post(self.url, {**self.form, **bad}).content.decode()
        for words in ("zero or more US dollars", "is no variant", "There is no model openai/gpt-5000"):
            assert words in page
        assert "That is over" in staff.post(self.url, {**self.form, "effective_from": "2020-01-31"}).content.decode()
        assert not PriceLine.objects.filter(source="operator").exists()

    def test_the_form_of_a_line_begins_with_what_it_says(self, staff: Client) -> None:
        line = PriceLine.objects.get(model="gpt-image-1.5", dims_key="quality=high,size=1024x1024")
        url = f"/admin/pricing/priceline/{line.pk}/new-price/"
        page = text_of(staff, url)
        assert 'value="openai/gpt-image-1.5"' in page
        assert 'value="quality=high, size=1024x1024"' in page
        form = {"key": "k", "model": "openai/gpt-image-1.5", "meter": "images", "price": "0.1", "per": "1"}
        effect = staff.post(url, {**form, "variant": "quality=high, size=1024x1024"}).content.decode()
        assert "Taken over from bundled" in effect
        assert "quality=medium, size=1024x1024" in effect

    def test_an_own_line_is_retired_and_no_other_one(self, staff: Client) -> None:
        staff.post(self.url, {**self.form, "step": "confirm"})
        own = PriceLine.objects.get(source="operator")
        url = f"/admin/pricing/priceline/{own.pk}/retire/"
        assert staff.post(url, {"key": "k"}).status_code == 200
        assert staff.post(url, {"key": "k", "step": "confirm"}).status_code == 302
        own.refresh_from_db()
        assert own.effective_to is not None
        other = PriceLine.objects.filter(source="bundled")[0]
        assert staff.get(f"/admin/pricing/priceline/{other.pk}/retire/").status_code == 404
        assert "/retire" not in text_of(staff, reverse("admin:pricing_priceline_change", args=[other.pk]))

    def test_a_model_is_added_and_priced(self, staff: Client) -> None:
        form = {"key": "k", "provider": "acme", "model": "brain", "name": "Brain", "modality": "text"}
        assert staff.post("/admin/pricing/catalogmodel/new/", form).status_code == 302
        model = CatalogModel.objects.get(provider="acme")
        url = f"/admin/pricing/catalogmodel/{model.pk}/price/"
        assert 'value="acme/brain"' in text_of(staff, url)
        assert (
            "There is a model acme/brain already"
            in staff.post("/admin/pricing/catalogmodel/new/", form).content.decode()
        )

    def test_who_may_only_read_enters_nothing(self, reader: Client) -> None:
        line = PriceLine.objects.filter(source="bundled")[0]
        assert reader.get(reverse("admin:pricing_priceline_changelist")).status_code == 200
        for url in (self.url, f"/admin/pricing/priceline/{line.pk}/retire/", "/admin/pricing/catalogmodel/new/"):
            assert reader.get(url).status_code == 403
            assert reader.post(url, {**self.form, "step": "confirm"}).status_code == 403


class TestSources:
    def test_an_address_is_set_and_a_bad_one_explained(self, staff: Client) -> None:
        assert "openrouter" in text_of(staff, reverse("admin:pricing_pricesource_changelist"))
        url = reverse("admin:pricing_pricesource_change", args=["litellm"])
        form = {"enabled": "on", "url": "http://example.com/x", "refresh_hours": "12"}
        assert "https only" in staff.post(url, form).content.decode()
        assert "Say where it is fetched from" in staff.post(url, {**form, "url": ""}).content.decode()
        assert staff.post(url, {**form, "url": "https://example.com/x.json"}).status_code == 302
        source = PriceSource.objects.get(name="litellm")
        assert (source.enabled, source.url, source.refresh_hours) == (True, "https://example.com/x.json", 12)

    def test_reading_now_shows_what_came_of_it(self, staff: Client) -> None:
        staff.get(reverse("admin:pricing_pricesource_changelist"))
        assert staff.get("/admin/pricing/pricesource/platform/read/").status_code == 200
        done = staff.post("/admin/pricing/pricesource/platform/read/", {"key": "k"}, follow=True).content.decode()
        assert "says what it said last time: 15 prices" in done
        failed = staff.post("/admin/pricing/pricesource/litellm/read/", {"key": "k"}).content.decode()
        assert "No price was changed: it has no address" in failed

    def test_a_file_is_uploaded_and_a_mass_retirement_allowed_once(self, staff: Client) -> None:
        staff.get(reverse("admin:pricing_pricesource_changelist"))
        url = "/admin/pricing/pricesource/litellm/upload/"
        assert 'enctype="multipart/form-data"' in text_of(staff, url)

        def upload(content: object, **more: str) -> str:
            text = content if isinstance(content, bytes) else json.dumps(content).encode()
            form = {"key": "k", "file": SimpleUploadedFile("prices.json", text), **more}
            return " ".join(staff.post(url, form, follow=True).content.decode().split())

        assert "20 prices added" in upload(FILE)
        few = dict(list(FILE.items())[:15])
        assert "No price was changed: 5 of 20 lines vanished" in upload(few)
        assert PriceLine.objects.filter(source="litellm", effective_to=None).count() == 20
        record = PriceImport.objects.latest("pk")
        page = text_of(staff, reverse("admin:pricing_priceimport_change", args=[record.pk]))
        assert "Missing from a refused reading (5)" in page
        assert "5 retired" in upload(few, vanish="on")
        assert AuditEntry.objects.filter(action="price.vanish").count() == 1
        assert "It cannot be used" in upload(b"<html>")
        assert "not text in UTF-8" in upload(b"\xff\xfe\x00")
        assert staff.get("/admin/pricing/pricesource/bundled/upload/").status_code == 404

    def test_who_may_only_read_reads_nothing_in(self, reader: Client, staff: Client) -> None:
        staff.get(reverse("admin:pricing_pricesource_changelist"))
        for url in ("/admin/pricing/pricesource/platform/read/", "/admin/pricing/pricesource/litellm/upload/"):
            assert reader.post(url, {"key": "k"}).status_code == 403


class TestRecord:
    def test_added_changed_and_held_lines_are_read_by_the_page(self, staff: Client) -> None:
        reading = demo_reading("genai-prices")
        prices = {("gpt-4o", "input_tokens"): "2.4", ("gpt-4o", "output_tokens"): "20"}
        rows = [
            replace(r, price=Decimal(prices[key])) if (key := (r.model, r.meter)) in prices else r for r in reading.rows
        ]
        notes = {"video SKU clips of x/y at 3: enter its price yourself": 1, "a routed price (-1)": 7}
        now = PriceImport.objects.latest("pk").at + timedelta(hours=1)
        import_reading(replace(reading, version="2", rows=rows, notes=notes), now=now)
        url = reverse("admin:pricing_priceimport_change", args=[PriceImport.objects.latest("pk").pk])
        page = text_of(staff, url)
        for words in ("Changed (1)", "Waits for approval (1)", "$2.5 / 1M tokens", "$2.4 / 1M tokens"):
            assert words in page
        assert "jump of +100%" in page
        assert "video SKU clips of x/y at 3: enter its price yourself" in page
        assert "a routed price (-1) (7 times)" in page
        assert "$20 /" not in text_of(staff, f"{url}?kind=changed")

    def test_many_lines_come_in_pages(self, staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("billing.pricing.adminsources.PAGE", 5)
        first = PriceImport.objects.filter(source="genai-prices")[0]
        url = reverse("admin:pricing_priceimport_change", args=[first.pk])
        page = text_of(staff, f"{url}?kind=added&page=2")
        assert "Page 2 of 4" in page
        assert "?kind=added&amp;page=3" in page

    def test_nothing_new_and_nobody(self, staff: Client) -> None:
        import_reading(demo_reading("bundled"))
        same = PriceImport.objects.latest("pk")
        page = text_of(staff, reverse("admin:pricing_priceimport_change", args=[same.pk]))
        assert "No line was added, changed, held or retired." in page
        assert staff.get(reverse("admin:pricing_priceimport_change", args=[999_999])).status_code == 404
        assert Client().get(reverse("admin:pricing_priceimport_change", args=[same.pk])).status_code == 302
