"""A meter that the operator adds as a row works everywhere: no list of meters in the code must know it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.api.tests.conftest import Answer, Api, usage_event
from billing.credits import clock
from billing.ledger.verify import verify
from billing.metering.allowances import allowance_open
from billing.metering.models import UsageEvent
from billing.metering.tests.terms import earlier
from billing.pricing.agreed import Scope, Step
from billing.pricing.agreements import override_add, schedule_add
from billing.pricing.selectors import platform_prices
from billing.pricing.services import import_reading
from billing.pricing.sources.rows import PriceRow, Reading, dims_of

GPU = {"gpu_minutes": 12}
DAYS = {
    "from": f"{clock.now() - timedelta(days=1):%Y-%m-%d}",
    "to": f"{clock.now() + timedelta(days=1):%Y-%m-%d}",
}


@pytest.fixture(autouse=True)
def meters(funded: Workspace) -> None:
    """Added in the admin, priced by a row of the operator's: $0.05 a minute, $0.20 on a fast one."""
    staff = Client()
    staff.force_login(User.objects.create_superuser(email="root@example.com", password="x"))
    for key, aggregation in (("gpu_minutes", "sum"), ("seats", "max"), ("reports", "count")):
        data = {"key": key, "label": f"{key} of ours", "unit": "minute", "aggregation": aggregation, "position": "5"}
        assert staff.post(reverse("admin:pricing_meter_add"), data).status_code == 302
    rows = [
        PriceRow("platform", "", "gpu_minutes", "minute", Decimal("0.05"), 1),
        PriceRow("platform", "", "gpu_minutes", "minute", Decimal("0.2"), 1, dims_of(tier="fast")),
        PriceRow("platform", "", "seats", "seat", Decimal("5"), 1),
        PriceRow("platform", "", "reports", "report", Decimal("0.1"), 1),
    ]
    import_reading(Reading("operator", "1", rows, []))


def post(api: Api, event_id: str = "gpu", **changes: Any) -> Answer:
    answer = api.post("/api/v1/usage", usage_event(event_id, **{"model": "", "usage": GPU} | changes))
    assert answer.status == 201, answer.json
    return answer


def test_it_is_estimated_and_charged(api: Api) -> None:
    body = {"usage": GPU, "variant": {"tier": "fast"}}
    assert api.post("/api/v1/usage/estimate", body).json["estimated_credits"] == 480
    answer = post(api)
    assert (answer.json["credits"], answer.json["lines"][0]["meter"]) == (120, "gpu_minutes")
    beside = post(api, "beside", model="openai/gpt-4o-mini", usage={"input_tokens": 1000, **GPU})
    assert [line["meter"] for line in beside.json["lines"]] == ["input_tokens", "gpu_minutes"]
    hold = api.post("/api/v1/usage/authorize", body)
    assert (hold.status, hold.json["credits"]) == (201, 480)
    assert verify().problems == []


def test_batches_and_cloudevents_carry_it(api: Api) -> None:
    answer = api.post("/api/v1/usage/batch", {"events": [usage_event(n, model="", usage=GPU) for n in "ab"]})
    assert (answer.json["accepted"], answer.json["credits"]) == (2, 240)
    cloud = {
        "specversion": "1.0",
        "id": "c",
        "source": "/gpu",
        "type": "usage",
        "data": {"usage": GPU},
    }
    answer = api.post("/api/v1/usage/events", cloud, content_type="application/cloudevents+json")
    assert answer.status in (200, 201, 202)
    assert UsageEvent.objects.get(event_id="c").amount == 120 * 10**9


def test_it_is_in_reports_and_exports(api: Api) -> None:
    post(api)
    breakdown = api.get("/api/v1/usage/breakdown", {"by": "meter", **DAYS})
    (row,) = [row for row in breakdown.json["data"] if row["key"] == "gpu_minutes"]
    assert (row["credits"], row["quantity"]) == (120, 12)
    csv = api.get("/api/v1/usage/breakdown", {"by": "meter", **DAYS}, Accept="text/csv").content.decode()
    assert "gpu_minutes" in csv
    assert "gpu_minutes" in api.get("/api/v1/usage/events", {**DAYS}, Accept="text/csv").content.decode()
    receipt = api.get("/api/v1/usage/events/gpu").json
    assert receipt["lines"][0]["meter"] == "gpu_minutes"


def test_the_usage_page_shows_it_by_its_label(api: Api, funded: Workspace, alice_client: Client) -> None:
    post(api)
    page = alice_client.get(f"/w/{funded.public_id}/usage", {"by": "meter"}).content.decode()
    assert "gpu_minutes of ours" in page
    assert "gpu_minutes" in alice_client.get(f"/w/{funded.public_id}/usage.csv", {"by": "meter"}).content.decode()
    event = UsageEvent.objects.get()
    receipt = alice_client.get(f"/w/{funded.public_id}/activity/requests/{event.pk}").content.decode()
    assert "gpu_minutes of ours" in receipt
    assert "gpu_minutes of ours" in alice_client.get(f"/w/{funded.public_id}/models").content.decode()


def test_a_plan_can_include_it(api: Api, funded: Workspace) -> None:
    now = clock.now()
    allowance_open(
        workspace_id=funded.pk,
        meter="gpu_minutes",
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=1),
        included=Decimal(10),
    )
    answer = post(api)
    assert (answer.json["credits"], answer.json["lines"][0]["from_allowance"]) == (20, 10)
    allowances = api.get("/api/v1/credits/summary").json["allowances"]
    assert [(row["meter"], row["used"]) for row in allowances] == [("gpu_minutes", 10)]


def test_prices_and_tiers_can_be_agreed_on(api: Api, funded: Workspace) -> None:
    scope = Scope(meter="gpu_minutes")
    with earlier():
        override_add(workspace=funded, scope=Scope("platform"), percent=Decimal(20), by="test")
        schedule_add(scope=scope, mode="graduated", steps=[Step(Decimal(10), off=Decimal(50))], by="test")
    estimate = api.post("/api/v1/usage/estimate", {"usage": GPU}).json
    answer = post(api).json
    assert answer["credits"] == estimate["estimated_credits"] == 10 * 12 + 2 * 6
    assert [(line["tier"]["from"], line["tier"]["off_percent"]) for line in answer["lines"]] == [(0, 0), (10, 50)]
    assert answer["lines"] == estimate["lines"]
    assert all(line["markup_percent"] == 20 and line["agreed_price"] for line in answer["lines"])
    again = api.post("/api/v1/usage/authorize", {"usage": GPU}, **{"Idempotency-Key": "k"}).json
    assert again["credits"] == 12 * 6
    repeated = api.post("/api/v1/usage/authorize", {"usage": GPU}, **{"Idempotency-Key": "k"}).json
    assert repeated["lines"] == again["lines"]
    assert api.get("/api/v1/usage/events/gpu").json["lines"] == answer["lines"]


def test_counted_ones_and_those_of_the_highest_value(api: Api) -> None:
    sent = [("a", {"seats": 5}), ("b", {"seats": 4}), ("c", {"seats": 7, "reports": 3}), ("d", {"reports": 900})]
    credits = [post(api, name, usage=usage).json["credits"] for name, usage in sent]
    assert credits == [5000, 0, 2000 + 20, 20]
    assert api.post("/api/v1/usage/estimate", {"usage": {"seats": 8}}).json["estimated_credits"] == 1000
    rows = api.get("/api/v1/usage/breakdown", {"by": "meter", **DAYS}).json["data"]
    assert {row["key"]: row["quantity"] for row in rows} == {"seats": 7, "reports": 2}
    assert verify().problems == []


def test_it_is_listed_with_the_platforms_prices() -> None:
    shown = next(price for price in platform_prices() if price.meter == "gpu_minutes")
    assert (shown.label, shown.price_usd, shown.unit) == ("gpu_minutes of ours", Decimal("0.05"), "minute")
