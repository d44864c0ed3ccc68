"""Who is on an older version of their plan keeps it, and may move to the newest one themselves."""

import re
from typing import Any

import pytest

from accounts.tests.quartet import page
from billing.api.tests.conftest import Api, key_of
from billing.api.tests.test_openapi import check
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.models import Lot
from billing.plans.models import CreditTier, Plan, PlanVersion, Subscription, SubscriptionChange
from billing.plans.subscribing.choices import newer_choice
from billing.plans.subscribing.standing import standing
from billing.plans.subscribing.tests.conftest import Till

pytestmark = pytest.mark.django_db


def newer(
    plan: str,
    cents: int,
    credits: int,
    *,
    tiers: tuple[tuple[int, int], ...] = (),
    by_year: bool = False,
    **more: Any,
) -> PlanVersion:
    version = PlanVersion.objects.create(
        plan=Plan.objects.get(key=plan),
        number=2,
        monthly_price_cents=cents,
        yearly_price_cents=cents * 10,
        monthly_credits=credits * NANO,
        published_at=clock.now(),
        **more,
    )
    for number, (amount, price) in enumerate(tiers, 1):
        CreditTier.objects.create(
            version=version,
            number=number,
            monthly_credits=amount * NANO,
            monthly_price_cents=price,
            yearly_price_cents=price * 10 if by_year else None,
        )
    return version


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.mark.parametrize(
    ("cents", "credits", "kind", "said"),
    [
        (2_500, 1_500, "upgrade", "It costs $25.00 every month, $5.00 more than yours."),
        (2_000, 1_200, "upgrade", "It costs $20.00 every month, as yours does."),
        (1_800, 1_200, "downgrade", "It costs $18.00 every month, $2.00 less than yours."),
        (2_000, 900, "downgrade", "It costs $20.00 every month, as yours does."),
    ],
)
def test_it_does_what_it_said(till: Till, cents: int, credits: int, kind: str, said: str) -> None:
    till.start("plus")
    version = newer("plus", cents, credits, allowances={"input_characters": "6000"})
    till.advance(days=10)
    till.look()
    assert till.row.version.number == 1  # nobody is moved by itself
    shown = till.shown("plus", newest=True)
    assert (shown.kind, shown.version) == (kind, version)
    assert said in shown.shown["sentences"]
    assert "Included input characters: 6,000, now 5,000." in shown.shown["sentences"]
    charged, lots = till.charged(), till.lots()
    assert till.confirm(shown).status == "done"
    assert till.charged() - charged == shown.amount_due
    assert [lot[0] for lot in till.lots()[len(lots) :]] == ([shown.credits // NANO] if shown.credits else [])
    assert (till.row.version.number, bool(till.row.changes_at)) == ((2, False) if kind == "upgrade" else (1, True))
    charged = till.charged()
    till.advance(days=19)
    till.look()
    till.asked_anew()
    assert (till.row.version, till.charged() - charged) == (version, cents)
    assert till.lots()[-1][0] == credits
    assert newer_choice(till.row) is None
    till.sound()


@pytest.mark.parametrize(("cents", "kind"), [(5_500, "upgrade"), (4_500, "downgrade")])
def test_its_cap_is_on_what_it_gives_itself(till: Till, cents: int, kind: str) -> None:
    """The credits of before stay until their own dates, as the preview says."""
    till.start("team")
    newer("team", cents, 4_500, rollover_months=2, rollover_cap=100 * NANO)
    till.advance(days=10)
    shown = till.shown("team", newest=True)
    assert (shown.kind, till.confirm(shown).status) == (kind, "done")
    till.advance(days=19)
    till.look()
    till.asked_anew()
    left = [lot.remaining // NANO for lot in Lot.objects.filter(source="plan").order_by("effective_at")]
    assert left == ([4_000, 100, 4_500] if kind == "upgrade" else [4_000, 4_500])
    till.advance(days=32)
    till.look()
    left = [lot.remaining // NANO for lot in Lot.objects.filter(source="plan").order_by("effective_at")]
    assert (left[0], sum(left[1:-1]), left[-1]) == (4_000, 100, 4_500)
    till.sound()


def test_it_is_offered_on_the_page_of_the_plan(till: Till, alice_client: Any, bob_client: Any) -> None:
    till.start("team", tier=1)
    plan, heading = page(till.workspace, "plan"), "A newer version of your plan"
    assert heading not in text(alice_client.get(plan))
    newer("team", 5_500, 4_500, tiers=((9_000, 9_900),))
    with till.time():
        assert "Version 2 costs $99.00 a month: $9.00 more than yours." in text(alice_client.get(plan))
        assert heading not in text(bob_client.get(plan))  # who may not change the plan
        sent = {"key": "k", "plan": "team", "tier": "1", "interval": "month", "newest": "1"}
        answer = alice_client.post(page(till.workspace, "plan/choose"), sent)
        preview = text(alice_client.get(answer["Location"]))
        assert "$9.00 more than yours" in preview
        alice_client.post(answer["Location"])
        assert heading not in text(alice_client.get(plan))
    row = till.row
    assert (row.version.number, row.credit_tier and row.credit_tier.monthly_price_cents) == (2, 9_900)


def test_who_is_on_a_credit_tier_reads_of_their_own_credits(till: Till, alice_client: Any) -> None:
    till.start("team", tier=1)
    newer("team", 5_000, 4_500, tiers=((9_000, 9_900), (18_000, 19_000)), rollover_months=2, trial_days=7)
    said = till.shown("team", tier=1, newest=True).shown["sentences"]
    assert "It gives 9,000 credits a month, 1,000 more than yours." in said
    assert not [line for line in said if line.startswith(("Credits a month", "Or ", "Trial"))]
    with till.time():
        shown = text(alice_client.get(page(till.workspace, "plan")))
    assert "It gives 9,000 credits a month: 1,000 more than yours." in shown
    assert "until you change it, or we move you at the same price" in shown


@pytest.mark.parametrize("why", ["trialing", "past_due", "asked"])
def test_it_is_offered_only_to_who_may_have_it_now(till: Till, why: str) -> None:
    row = till.start("plus")
    newer("plus", 2_500, 1_500)
    with till.time():
        assert standing(till.workspace).newer is not None
        if why == "asked":
            SubscriptionChange.objects.filter(pk=till.shown("team").pk).update(status="asked")
        else:
            Subscription.objects.filter(pk=row.pk).update(status=why)
        assert standing(till.workspace).newer is None


@pytest.mark.parametrize("why", ["no such tier", "hidden", "retired", "not by the year"])
def test_where_it_is_not_sold_it_is_not_offered(till: Till, why: str) -> None:
    till.start("team", "year" if why == "not by the year" else "month", tier=2)
    newer("team", 5_500, 4_500, tiers=((9_000, 9_900), (18_000, 19_000))[: 1 if why == "no such tier" else 2])
    if why in ("hidden", "retired"):
        Plan.objects.filter(key="team").update(visibility=why)
    assert newer_choice(till.row) is None


def test_through_the_api(till: Till) -> None:
    till.start("plus")
    newer("plus", 2_500, 1_500)
    api, path = Api(key_of(till.workspace)), "/api/v1/subscription"
    with till.time():
        found = api.get(path)
        check(found, path, "get")
        assert (found.json["current"]["version"], found.json["newer"]["version"]) == (1, 2)
        assert found.json["newer"]["price"] == {"amount": 2_500, "currency": "usd"}
        refused = api.post(path, {"plan": "plus"})
        assert (refused.status, refused.json["code"]) == (409, "change_refused")  # it is on that
        done = api.post(path, {"plan": "plus", "newest": True})
        check(done, path, "post")
        assert (done.json["status"], done.json["version"]) == ("done", 2)
        assert api.get(path).json["newer"] is None
        wrong = api.post(path, {"action": "cancel", "newest": True})
        assert wrong.status == 400
