"""Agreeing on prices: what is agreed on counts a minute later, ends what was before, and is never changed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.pricing.agreed import NO_TERMS, Scope, Step, Terms
from billing.pricing.agreements import (
    DiscountWanted,
    Invalid,
    TiersWanted,
    override_add,
    override_end,
    plan_terms_set,
    schedule_add,
    schedule_end,
)
from billing.pricing.approvals import markup_add
from billing.pricing.book import prices_for
from billing.pricing.models import (
    Meter,
    PriceDiscount,
    PriceLine,
    PriceOverride,
    PriceRevision,
    TierSchedule,
    TierStep,
)
from billing.pricing.selectors import model_listing, platform_prices
from billing.pricing.terms import terms_for
from billing.pricing.testing import import_demo_prices

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MINI = "openai/gpt-4o-mini"
SCOPE = Scope("openai", "gpt-4o-mini", "input_tokens")
M = 1_000_000


@pytest.fixture(autouse=True)
def noon(db: None) -> Any:
    with clock.at(NOW):
        import_demo_prices()
        yield


@pytest.fixture
def other(db: None) -> Workspace:
    return Workspace.objects.create(name="Globex")


def agree(workspace: Workspace, price: str = "0.1", *, scope: Scope = SCOPE, **fields: Any) -> PriceOverride:
    return override_add(workspace=workspace, scope=scope, price=Decimal(price), per=M, by="test", **fields)


def pays(workspace: Workspace | None, at: datetime = NOW + MINUTE, variant: dict[str, str] | None = None) -> Decimal:
    """USD for a million input tokens of gpt-4o-mini, listed at 0.15."""
    prices = prices_for(MINI)
    assert prices is not None
    terms = terms_for(workspace.pk if workspace else None)
    return terms.tariff(prices, at=at, variant=variant or {}).lines["input_tokens"].usd(Decimal(M))


class TestOverrides:
    def test_it_counts_a_minute_later_for_this_workspace_alone(self, workspace: Workspace, other: Workspace) -> None:
        agree(workspace)
        moments = (NOW, NOW + MINUTE - timedelta(microseconds=1), NOW + MINUTE)
        assert [pays(workspace, at) for at in moments] == [Decimal("0.15"), Decimal("0.15"), Decimal("0.1")]
        assert pays(other) == pays(None) == Decimal("0.15")
        assert terms_for(other.pk) is NO_TERMS

    def test_a_new_one_ends_the_old_and_history_keeps_both(self, workspace: Workspace) -> None:
        agree(workspace, "0.1")
        agree(workspace, "0.05", effective_from=NOW + timedelta(days=1))
        moments = (NOW + MINUTE, NOW + timedelta(hours=23), NOW + timedelta(days=1))
        assert [pays(workspace, at) for at in moments] == [Decimal("0.1"), Decimal("0.1"), Decimal("0.05")]
        assert PriceOverride.objects.count() == 2

    def test_one_that_overtakes_what_was_planned_withdraws_it(self, workspace: Workspace) -> None:
        agree(workspace, "0.1")
        planned = agree(workspace, "0.05", effective_from=NOW + timedelta(days=2))
        agree(workspace, "0.02", effective_from=NOW + timedelta(days=1))
        moments = (NOW + timedelta(hours=23), NOW + timedelta(days=1), NOW + timedelta(days=3))
        assert [pays(workspace, at) for at in moments] == [Decimal("0.1"), Decimal("0.02"), Decimal("0.02")]
        planned.refresh_from_db()
        assert planned.effective_to == planned.effective_from

    def test_it_can_be_ended(self, workspace: Workspace) -> None:
        override = agree(workspace)
        with clock.at(NOW + timedelta(hours=1)):
            override_end(override_id=override.pk, by="test")
            with pytest.raises(Invalid, match="ended already"):
                override_end(override_id=override.pk, by="test")
        end = NOW + timedelta(hours=1) + MINUTE
        assert [pays(workspace, at) for at in (end - MINUTE, end)] == [Decimal("0.1"), Decimal("0.15")]

    def test_prices_of_other_scopes_and_variants_stand_beside_it(self, workspace: Workspace) -> None:
        agree(workspace, "0.1")
        agree(workspace, "0.01", scope=Scope("openai", "gpt-4o-mini", "input_tokens", (("tier", "BATCH"),)))
        override_add(workspace=workspace, scope=Scope("openai"), percent=Decimal(50), by="test")
        assert PriceOverride.objects.filter(effective_to=None).count() == 3
        assert (pays(workspace), pays(workspace, variant={"batch": "true"})) == (Decimal("0.1"), Decimal("0.01"))

    @pytest.mark.parametrize(
        ("scope", "terms", "said"),
        [
            (Scope("openai"), {"price": Decimal(1), "per": 1}, "Name the meter"),
            (SCOPE, {}, "either a price"),
            (SCOPE, {"price": Decimal(1)}, "either a price"),
            (SCOPE, {"price": Decimal(1), "per": 1, "percent": Decimal(1)}, "either a price"),
            (Scope("", "gpt-4o-mini"), {"percent": Decimal(1)}, "provider of the model"),
            (Scope("openai", "", "", (("tier", "batch"),)), {"percent": Decimal(1)}, "Name the meter"),
        ],
    )
    def test_what_cannot_be_agreed_on(self, workspace: Workspace, scope: Scope, terms: Any, said: str) -> None:
        with pytest.raises(Invalid, match=said):
            override_add(workspace=workspace, scope=scope, by="test", **terms)

    def test_the_database_refuses_what_the_service_would(self, workspace: Workspace) -> None:
        fields = {"workspace": workspace, "meter": "input_tokens", "effective_from": NOW}
        wrong: list[dict[str, Any]] = [
            {"price": 1},
            {"price": -1, "per": 1},
            {"price": 1, "per": 0},
            {"price": 1, "per": 1, "percent": 1},
            {"percent": -100},
            {"price": 1, "per": 1, "meter": ""},
            {"percent": 1, "model": "m"},
            {"percent": 1, "effective_to": NOW - MINUTE},
        ]
        for values in wrong:
            with pytest.raises(IntegrityError), transaction.atomic():
                PriceOverride.objects.create(**fields | values)
        PriceOverride.objects.create(**fields, percent=1)
        with pytest.raises(IntegrityError), transaction.atomic():
            PriceOverride.objects.create(**fields, percent=2)

    def test_it_is_audited_and_the_catalogue_is_not_read_again(self, workspace: Workspace) -> None:
        before = PriceRevision.objects.get()
        prices = prices_for(MINI)
        agree(workspace)
        after = PriceRevision.objects.get()
        assert (after.number, after.terms) == (before.number, before.terms + 1)
        assert prices_for(MINI) is prices
        entry = AuditEntry.objects.get(action="price.override")
        assert (entry.workspace, entry.target) == (workspace, "input tokens of openai/gpt-4o-mini: $0.1 per 1,000,000")


class TestMarkup:
    @pytest.mark.parametrize(("percent", "usd"), [(0, "0.15"), (20, "0.18")])
    @pytest.mark.parametrize("scope", [{}, {"provider": "openai"}, {"provider": "openai", "model": "gpt-4o-mini"}])
    def test_0_and_20_percent_global_by_provider_and_by_model(
        self, percent: int, usd: str, scope: dict[str, str]
    ) -> None:
        markup_add(percent=Decimal(7), by="test", since_ever=True)
        markup_add(percent=Decimal(percent), by="test", **scope)
        assert [pays(None, NOW), pays(None)] == [Decimal("0.1605"), Decimal(usd)]


class TestTiers:
    STEPS = (Step(Decimal(M), off=Decimal(10)), Step(Decimal(0), price=Decimal("0.2"), per=M))

    def test_for_everybody_or_for_one_workspace(self, workspace: Workspace, other: Workspace) -> None:
        schedule_add(scope=Scope(meter="input_tokens"), mode="graduated", steps=self.STEPS, by="test")
        assert pays(other) == pays(None) == Decimal("0.2")
        own = (Step(Decimal(0), off=Decimal(50)),)
        schedule = schedule_add(scope=SCOPE, mode="volume", steps=own, workspace=workspace, by="test")
        assert pays(workspace) == Decimal("0.075")
        assert list(schedule.steps.values_list("start", "off", "price")) == [(0, 50, None)]
        with clock.at(NOW + 2 * MINUTE):
            schedule_end(schedule_id=schedule.pk, by="test")
        assert pays(workspace, NOW + timedelta(hours=1)) == Decimal("0.2")

    def test_a_price_list_says_them(self, workspace: Workspace) -> None:
        schedule_add(scope=Scope(meter="input_tokens"), mode="graduated", steps=self.STEPS, by="test")
        later = NOW + MINUTE
        listing = model_listing(MINI, now=later, terms=terms_for(workspace.pk))
        assert listing is not None
        price = listing.price("input_tokens")
        assert price is not None
        assert [(tier.start, tier.price_usd, tier.off_percent) for tier in price.tiers] == [
            (0, Decimal("0.2"), 0),
            (M, Decimal("0.135"), 10),
        ]
        assert (price.price_usd, price.published_usd, price.graduated) == (Decimal("0.2"), Decimal("0.15"), True)
        plain = model_listing(MINI, now=later)
        assert plain is not None
        assert plain.prices[0].tiers == ()

    @pytest.mark.parametrize(
        ("scope", "mode", "steps", "said"),
        [
            (Scope("openai"), "volume", STEPS, "Name the meter"),
            (SCOPE, "sideways", STEPS, "mode"),
            (SCOPE, "volume", (), "at least one"),
            (SCOPE, "volume", (STEPS[0], STEPS[0]), "same quantity"),
            (SCOPE, "volume", (Step(Decimal(1)),), "either"),
            (SCOPE, "volume", (Step(Decimal(1), Decimal(1), Decimal(1)),), "either"),
            (SCOPE, "volume", (Step(Decimal(1), off=Decimal(101)),), "between 0 and 100"),
            (SCOPE, "volume", (Step(Decimal(-1), off=Decimal(1)),), "from 0"),
            (SCOPE, "volume", (Step(Decimal(1), price=Decimal(-1)),), "at least 0 USD"),
        ],
    )
    def test_what_makes_no_tiers(self, scope: Scope, mode: str, steps: Any, said: str) -> None:
        with pytest.raises(Invalid, match=said):
            schedule_add(scope=scope, mode=mode, steps=steps, by="test")

    def test_the_database_refuses_steps_that_cannot_be(self) -> None:
        schedule = schedule_add(scope=SCOPE, mode="volume", steps=self.STEPS, by="test")
        for values in ({}, {"off": 1, "price": 1, "per": 1}, {"off": 101}, {"price": 1}, {"start": 0, "off": 1}):
            with pytest.raises(IntegrityError), transaction.atomic():
                TierStep.objects.create(**{"schedule": schedule, "start": 5} | values)
        with pytest.raises(IntegrityError), transaction.atomic():
            TierSchedule.objects.create(mode="volume", meter="", effective_from=NOW)
        with pytest.raises(IntegrityError), transaction.atomic():
            TierSchedule.objects.create(mode="volume", meter="images", source="plan", effective_from=NOW)


class TestOfPlans:
    def test_what_a_plan_gives_replaces_what_a_plan_gave(self, workspace: Workspace) -> None:
        tenth, fifth = DiscountWanted(Scope(), Decimal(10)), DiscountWanted(Scope("openai"), Decimal(20))
        tiers = TiersWanted(SCOPE, "volume", (Step(Decimal(M), off=Decimal(5)),))
        plan_terms_set(workspace_id=workspace.pk, label="Pro v1", discounts=[tenth, fifth], tiers=[tiers])
        assert pays(workspace) == Decimal("0.12")
        revision = PriceRevision.objects.get().terms
        with clock.at(NOW + MINUTE):
            plan_terms_set(workspace_id=workspace.pk, label="Pro v1", discounts=[tenth, fifth], tiers=[tiers])
            assert (PriceRevision.objects.get().terms, PriceDiscount.objects.count()) == (revision, 2)
        with clock.at(NOW + timedelta(hours=1)):
            plan_terms_set(workspace_id=workspace.pk, label="Pro v1", discounts=[tenth])
        later = NOW + timedelta(hours=1) + MINUTE
        assert [pays(workspace, at) for at in (later - MINUTE, later)] == [Decimal("0.12"), Decimal("0.135")]
        assert PriceDiscount.objects.get(effective_to=None).label == "Pro v1"
        assert not TierSchedule.objects.filter(effective_to=None).exists()
        with clock.at(NOW + timedelta(hours=2)):
            plan_terms_set(workspace_id=workspace.pk, label="Free v1")
        assert pays(workspace, NOW + timedelta(hours=3)) == Decimal("0.15")

    def test_nothing_to_give_writes_nothing(self, workspace: Workspace) -> None:
        before = PriceRevision.objects.get().terms
        plan_terms_set(workspace_id=workspace.pk, label="Free v1")
        assert PriceRevision.objects.get().terms == before


def test_the_platforms_own_prices_are_listed_as_the_customer_pays_them(workspace: Workspace) -> None:
    override_add(workspace=workspace, scope=Scope(meter="messages"), price=Decimal("0.002"), per=1, by="test")
    later = NOW + MINUTE
    shown = {price.meter: price for price in platform_prices(now=later, terms=terms_for(workspace.pk))}
    assert (shown["messages"].price_usd, shown["messages"].own) == (Decimal("0.002"), True)
    assert (shown["call_minutes"].own, platform_prices(now=later)[0].price_usd) == (False, Decimal("0.005"))


def test_an_agreed_price_in_other_units_is_listed_beside_the_published_one(workspace: Workspace) -> None:
    override_add(workspace=workspace, scope=SCOPE, price=Decimal("0.0001"), per=1000, by="test")
    listing = model_listing(MINI, now=NOW + MINUTE, terms=terms_for(workspace.pk))
    assert listing is not None
    price = listing.price("input_tokens")
    assert price is not None
    assert (price.price_usd, price.per, price.published_usd) == (Decimal("0.0001"), 1000, Decimal("0.00015"))
    assert listing.typical_usd == Decimal("0.0001") + Decimal("0.00018")


class TestAdmin:
    @pytest.fixture
    def staff(self) -> Client:
        user = User.objects.create_superuser(email="root@example.com", password="x")
        client = Client()
        client.force_login(user)
        return client

    def form(self, workspace: Workspace, **fields: str) -> dict[str, str]:
        base = {"workspace": str(workspace.pk), "provider": "openai", "model": "gpt-4o-mini", "meter": "input_tokens"}
        return base | {"effective_from_0": "", "effective_from_1": ""} | fields

    def test_an_agreed_price_is_added_shown_and_ended(self, staff: Client, workspace: Workspace) -> None:
        data = self.form(workspace, price="0.1", per="1000000", percent="", variant="tier=batch", note="Contract 7")
        assert staff.post(reverse("admin:pricing_priceoverride_add"), data).status_code == 302
        override = PriceOverride.objects.get()
        assert (override.variant, override.effective_from) == ({"tier": "batch"}, NOW + MINUTE)
        page = staff.get(reverse("admin:accounts_workspace_change", args=[workspace.pk])).content.decode()
        assert "$0.1 per 1,000,000" in page
        listed = reverse("admin:pricing_priceoverride_changelist")
        assert "Contract 7" in staff.get(listed).content.decode()
        staff.post(listed, {"action": "end", "_selected_action": [override.pk]})
        override.refresh_from_db()
        assert override.effective_to == NOW + MINUTE

    def test_a_new_price_for_the_same_is_no_conflict(self, staff: Client, workspace: Workspace) -> None:
        for price in ("0.1", "0.05"):
            data = self.form(workspace, price=price, per="1000000", percent="", variant="", note="")
            assert staff.post(reverse("admin:pricing_priceoverride_add"), data).status_code == 302
        assert PriceOverride.objects.get(effective_to=None).price == Decimal("0.05")

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"price": "", "percent": ""}, "either a price"),
            ({"price": "1", "per": "", "percent": ""}, "number of units"),
            ({"price": "1", "per": "1", "meter": ""}, "one of a meter"),
            ({"percent": "5", "provider": "openay"}, "no such provider"),
            ({"percent": "5", "model": "gpt-9"}, "no such model"),
            ({"percent": "5", "variant": "batch"}, "tier=batch"),
            ({"percent": "5", "meter": "images"}, "no price of this meter"),
            ({"price": "1", "per": "0"}, "at least one unit"),
            ({"price": "-1", "per": "1"}, "at least 0 USD"),
            ({"percent": "-100"}, "above -100"),
        ],
    )
    def test_what_cannot_be_is_said_on_the_form(
        self, staff: Client, workspace: Workspace, fields: dict[str, str], said: str
    ) -> None:
        data = self.form(workspace, **{"price": "", "per": "", "percent": "", "variant": "", "note": ""} | fields)
        page = staff.post(reverse("admin:pricing_priceoverride_add"), data)
        assert page.status_code == 200
        assert said in page.content.decode()
        assert not PriceOverride.objects.exists()

    def test_tiers_are_written_line_by_line(self, staff: Client, workspace: Workspace) -> None:
        steps = "5,000,000: $0.08 / 1,000,000\n\n1_000_000: 12.5 %"
        everybody = {"workspace": "", "provider": "", "model": ""}
        data = self.form(workspace, mode="graduated", steps=steps, label="") | everybody
        assert staff.post(reverse("admin:pricing_tierschedule_add"), data).status_code == 302
        schedule = TierSchedule.objects.get()
        assert schedule.workspace is None
        assert list(schedule.steps.values_list("start", "off", "price", "per")) == [
            (M, Decimal("12.5"), None, None),
            (5 * M, None, Decimal("0.08"), M),
        ]
        listed = staff.get(reverse("admin:pricing_tierschedule_changelist")).content.decode()
        assert "everybody" in listed
        staff.post(
            reverse("admin:pricing_tierschedule_changelist"), {"action": "end", "_selected_action": [schedule.pk]}
        )
        schedule.refresh_from_db()
        assert schedule.effective_to is not None

    @pytest.mark.parametrize(
        ("steps", "said"),
        [
            ("1000 ten", "is no step"),
            ("1: 5%\n1: 6%", "same quantity"),
            (",: 5 %", "is no step"),
            ("1: $1 / _", "is no step"),
            ("1" + "0" * 29 + ": 5 %", "from 0 to 10^12"),
            ("9" * 5000 + ": 5 %", "is no step"),
            ("1: 5.0001 %", "3 decimals"),
            ("1: $1000000000 / 1", "nine digits"),
            ("1: $0.0000000000000001 / 1", "fifteen"),
            ("1: $1 / 0", "at least one unit"),
            ("1: $1 / 9999999999999999999", "at least one unit"),
        ],
    )
    def test_a_step_that_is_none_is_said(self, staff: Client, workspace: Workspace, steps: str, said: str) -> None:
        data = self.form(workspace, mode="volume", steps=steps, label="")
        assert said in staff.post(reverse("admin:pricing_tierschedule_add"), data).content.decode()

    def test_nothing_is_changed_or_deleted(self, staff: Client, workspace: Workspace) -> None:
        override = agree(workspace)
        page = reverse("admin:pricing_priceoverride_change", args=[override.pk])
        assert staff.get(page).status_code == 200
        assert staff.post(page, {"price": "9"}).status_code == 403
        assert staff.post(reverse("admin:pricing_priceoverride_delete", args=[override.pk])).status_code == 403
        assert staff.get(reverse("admin:pricing_pricediscount_changelist")).status_code == 200

    def test_who_may_only_look_ends_nothing(self, workspace: Workspace) -> None:
        override = agree(workspace)
        user = User.objects.create_user(email="look@example.com", password="x", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_priceoverride"))
        client = Client()
        client.force_login(user)
        client.post(
            reverse("admin:pricing_priceoverride_changelist"), {"action": "end", "_selected_action": [override.pk]}
        )
        override.refresh_from_db()
        assert override.effective_to is None


def test_terms_of_nobody_are_falsy() -> None:
    assert not NO_TERMS
    assert not Terms()


class TestMeters:
    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"aggregation": "max", "contained_in": "images"}, "A part of another meter is summed"),
            ({"contained_in": "seats"}, "Only a meter that is summed"),
            ({"aggregation": "count", "key": "input_credits"}, "has prices already"),
        ],
    )
    def test_how_it_counts_is_settled_when_it_is_added(self, fields: dict[str, str], said: str) -> None:
        Meter.objects.create(key="seats", label="Seats", unit="seat", aggregation="max")
        PriceLine.objects.create(source="bundled", provider="x", model="y", meter="input_credits", price=1, per=1)
        staff = Client()
        staff.force_login(User.objects.create_superuser(email="root@example.com", password="x"))
        data = {"key": "new", "label": "New", "unit": "x", "aggregation": "sum", "contained_in": "", "position": "1"}
        page = staff.post(reverse("admin:pricing_meter_add"), data | fields)
        assert page.status_code == 200
        assert said in page.content.decode()

    def test_the_database_keeps_parts_summed(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Meter.objects.create(key="a", label="A", unit="x", aggregation="count", contained_in_id="images")
