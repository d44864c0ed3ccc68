from decimal import Decimal

from accounts.models import Workspace
from billing.api.tests.conftest import Api, key_of
from billing.credits import clock
from billing.plans.limits import forget_limits
from billing.plans.models import Plan, PlanVersion
from billing.plans.services import plan_start

PATH = "/api/v1/plans"


def test_the_shipped_plans_are_listed_with_the_workspaces_own_marked(api: Api, funded: Workspace) -> None:
    plan_start(workspace=funded, plan_key="pro")
    forget_limits(funded.pk)

    free, pro, business = api.get(PATH).json["data"]

    assert (free["plan"], free["current"], pro["plan"], pro["current"]) == ("free", False, "pro", True)
    assert free["monthly_price"] == {"amount": 0, "currency": "usd"}
    assert pro["monthly_price"] == {"amount": 2900, "currency": "usd"}
    assert free["allowances"] == [{"meter": "input_characters", "included": 1000}]
    assert pro["request_limits"] == [{"meter": "input_characters", "most": 5000}]
    assert pro["qualities"] == ["standard", "premium", "ultra"]
    assert (pro["monthly_credits"], pro["monthly_credits_nano"], pro["concurrency"]) == (0, "0", None)
    assert (pro["yearly_price"], pro["credit_tiers"], pro["rollover_cap"], pro["sla"]) == (None, [], None, None)
    assert business["yearly_price"] == {"amount": 100_000, "currency": "usd"}
    assert (business["credit_price_usd"], business["rollover_months"], business["periods"]) == (
        Decimal("0.005"),
        2,
        "anniversary",
    )
    assert business["credit_tiers"][0] == {
        "tier": 1,
        "monthly_credits": 50_000,
        "monthly_credits_nano": "50000000000000",
        "monthly_price": {"amount": 25_000, "currency": "usd"},
        "yearly_price": {"amount": 250_000, "currency": "usd"},
    }


def test_what_is_hidden_or_retired_is_not_on_offer(api: Api) -> None:
    Plan.objects.filter(key="pro").update(visibility="retired")
    assert [each["plan"] for each in api.get(PATH).json["data"]] == ["free", "business"]


def test_a_draft_is_not_on_offer_and_a_newer_version_takes_the_place_of_an_older(api: Api) -> None:
    PlanVersion.objects.create(plan=Plan.objects.get(key="pro"), number=2, monthly_credits=5, published_at=clock.now())
    PlanVersion.objects.create(plan=Plan.objects.get(key="pro"), number=3)
    PlanVersion.objects.create(plan=Plan.objects.create(key="draft", name="Draft"), number=1)

    found = api.get(PATH).json["data"]

    assert [(each["plan"], each["version"]) for each in found] == [("free", 1), ("pro", 2), ("business", 1)]
    assert found[1]["monthly_credits_nano"] == "5"


def test_a_service_key_need_not_name_a_workspace(api: Api, funded: Workspace) -> None:
    assert [each["current"] for each in Api(key_of(None)).get(PATH).json["data"]] == [False, False, False]
    assert Api(key_of(funded, "billing:read")).get(PATH).status == 403
