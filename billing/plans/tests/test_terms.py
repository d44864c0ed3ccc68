"""What plans take off: checked when a version is published, given to a workspace as rows of its own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.credits import clock
from billing.metering.events import EventInput, Source
from billing.metering.record import usage_record
from billing.plans.models import Plan, PlanVersion, Subscription
from billing.plans.publishing import version_publish
from billing.plans.services import plan_start
from billing.plans.shown import version_differences, version_facts
from billing.plans.terms import check_discounts, check_tiers, give_plan_terms
from billing.pricing.models import PriceDiscount, TierSchedule
from billing.pricing.testing import import_demo_prices

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TIERS = [{"meter": "input_characters", "mode": "volume", "steps": [{"from": "1000", "off": "50"}]}]


@pytest.fixture(autouse=True)
def noon(db: None) -> Any:
    with clock.at(NOW):
        import_demo_prices()
        yield


def published(**fields: Any) -> PlanVersion:
    plan, _ = Plan.objects.get_or_create(key="team", name="Team")
    return version_publish(version=PlanVersion(plan=plan, **fields), actor="test")


def costs(workspace: Workspace, event_id: str, at: datetime) -> int:
    """Nano-credits of 1,000 characters, which cost 8 credits without anything taken off."""
    event = EventInput(event_id, "elevenlabs/eleven_flash_v2_5", {"input_characters": Decimal(1000)})
    with clock.at(at):
        return usage_record(workspace_id=workspace.pk, source=Source("service"), event=event).nano


def test_a_plan_gives_its_discount_and_tiers_from_a_minute_later_on(workspace: Workspace) -> None:
    published(discounts=[{"percent": "10"}], tiers=TIERS)
    plan_start(workspace=workspace, plan_key="team")
    assert [costs(workspace, f"e{minutes}", NOW + minutes * MINUTE) for minutes in (0, 1)] == [8 * 10**9, 36 * 10**8]
    assert PriceDiscount.objects.get().label == "Team v1"
    assert TierSchedule.objects.get().source == "plan"


def test_a_new_version_changes_nothing_for_who_is_on_the_old_one(workspace: Workspace) -> None:
    published(discounts=[{"percent": "10"}])
    plan_start(workspace=workspace, plan_key="team")
    newer = published(discounts=[{"percent": "90"}])
    assert costs(workspace, "old", NOW + MINUTE) == 72 * 10**8
    changed = NOW + timedelta(hours=1)
    subscription = Subscription.objects.get(workspace=workspace)
    subscription.version = newer
    subscription.save()
    give_plan_terms(workspace.pk, newer, now=changed)
    assert costs(workspace, "until then", changed) == 72 * 10**8
    assert costs(workspace, "since then", changed + MINUTE) == 8 * 10**8


def test_a_plan_that_takes_nothing_off_writes_nothing(workspace: Workspace) -> None:
    published()
    plan_start(workspace=workspace, plan_key="team")
    assert not PriceDiscount.objects.exists()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"percent": 10}, "Write discounts as"),
        ([10], "Write discounts as"),
        ([{"percent": 10, "of": "openai"}], "Write discounts as"),
        ([{}], "not a number"),
        ([{"percent": True}], "not a number"),
        ([{"percent": "NaN"}], "not a number"),
        ([{"percent": 0}], "above 0"),
        ([{"percent": 101}], "above 0"),
        ([{"percent": "1.0001"}], "3 decimals"),
        ([{"percent": 10, "model": "gpt-4o"}], "provider of the model"),
        ([{"percent": 10}, {"percent": 20, "provider": ""}], "same prices"),
    ],
)
def test_discounts_that_cannot_be(written: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        check_discounts(written)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"meter": ""}, "Name the meter"),
        ({"mode": "odd"}, "mode"),
        ({"steps": []}, "at least one step"),
        ({"steps": {}}, "Write|meter"),
        ({"steps": [{"from": "x", "off": 1}]}, "quantity is not a number"),
        ({"steps": [{"from": 1}]}, "either"),
        ({"steps": [{"from": 1, "price": 1, "per": "1.5"}]}, "whole number"),
        ({"steps": [{"from": 1, "price": 1, "per": "1e999999999"}]}, "whole number"),
        ({"steps": [{"from": "1e30", "off": 1}]}, "10.12"),
        ({"steps": [{"from": 1, "price": "1e30"}]}, "nine digits"),
        ({"steps": [{"from": 1, "price": "1e-30"}]}, "fifteen"),
        ({"steps": [{"from": 1, "off": "0.0001"}]}, "3 decimals"),
        ({"unknown": 1}, "Write tiers as"),
    ],
)
def test_tiers_that_cannot_be(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        check_tiers([{**TIERS[0], **change}])


def test_tiers_of_one_meter_come_once() -> None:
    with pytest.raises(ValidationError, match="same prices"):
        check_tiers([TIERS[0], TIERS[0]])


def test_staff_publish_a_version_with_both(workspace: Workspace) -> None:
    plan, _ = Plan.objects.get_or_create(key="team", name="Team")
    staff = Client()
    staff.force_login(User.objects.create_superuser(email="root@example.com", password="x"))
    data = {
        "plan": plan.pk,
        "monthly_price_cents": 0,
        "trial_days": 0,
        "periods": "anniversary",
        "monthly_credits": 0,
        "rollover_months": 0,
        "allowances": "{}",
        "request_limits": "{}",
        "qualities": "",
        "overdraft": 0,
        "features": "",
        "discounts": '[{"percent": 12.5, "provider": "openai"}]',
        "tiers": '[{"meter": "input_characters", "steps": [{"from": 1000, "price": 0.02, "per": 1000}]}]',
    }
    assert staff.post(reverse("admin:plans_planversion_add"), data).status_code == 302
    version = PlanVersion.objects.get(plan=plan)
    assert version.discounts == [{"percent": "12.5", "provider": "openai"}]
    (tiers,) = version.tiers
    assert tiers["steps"] == [{"from": "1000", "price": "0.02", "per": 1000}]
    wrong = staff.post(reverse("admin:plans_planversion_add"), data | {"discounts": '[{"percent": 0}]'})
    assert "above 0" in wrong.content.decode()


def test_they_are_named_wherever_a_version_is() -> None:
    old = published()
    steps = [{"from": "1000", "off": "50"}, {"from": "9000", "price": "0.2", "per": 1000}]
    new = published(
        discounts=[{"percent": "10"}, {"percent": "25", "provider": "openai", "model": "gpt-4o"}],
        tiers=[{"meter": "input_characters", "mode": "volume", "steps": steps}],
    )
    said = [
        ("Discounts", "10% off every price; 25% off openai gpt-4o"),
        (
            "Prices by a month’s quantity",
            "input characters: from 1,000 50% off, from 9,000 $0.2 per 1,000 for the whole quantity",
        ),
    ]
    assert [fact for fact in version_facts(new, []) if fact in said] == said
    assert version_differences(old, new) == [(what, "–", text) for what, text in said]
