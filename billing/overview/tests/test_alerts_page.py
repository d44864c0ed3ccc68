"""Alerts & limits: what happens at which balance, in order; who may change it."""

import re

import pytest
from django.test import Client

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods, refuses_role
from billing.alerts.usage.settings import Wanted, settings_of
from billing.credits.units import NANO
from billing.ledger.services import credits_grant
from billing.overview.ladder import ladder
from billing.packs.autotopup.settings import auto_top_up_agree
from billing.packs.autotopup.sizing import Terms
from billing.packs.autotopup.standing import standing
from billing.usage.budgets.services import budget_create

pytestmark = pytest.mark.django_db
SAVED = {"percents": ["75", "100"], "low_credits": "1000", "low_days": "", "month_cents": "25.00"}


@pytest.fixture
def funded(workspace: Workspace) -> Workspace:
    credits_grant(workspace_id=workspace.pk, key="g", amount=4_000 * NANO, label="Gift")
    return workspace


def agree(workspace: Workspace, person: User) -> None:
    terms = Terms(500 * NANO, 2_000 * NANO, None, 5_000, 10_000)
    auto_top_up_agree(
        workspace=workspace,
        terms=terms,
        amount_in="money",
        method="pm_1",
        card="Visa card ending in 4242",
        text="I agree.",
        by=person,
    )


def test_the_ladder_says_what_happens_from_high_to_low(funded: Workspace, alice: User, alice_client: Client) -> None:
    agree(funded, alice)
    budget_create(workspace=funded, period="month", amount=9_000 * NANO, stops=True, by=alice)
    saved = alice_client.post(page(funded, "alerts/save"), SAVED, follow=True)
    assert saved.redirect_chain == [(page(funded, "alerts/"), 302)]
    assert settings_of(funded) == Wanted(percents=(75, 100), low_credits=1_000 * NANO, low_days=None, month_cents=2_500)
    rungs = ladder(funded, standing(funded))
    assert [(rung.at // NANO, rung.kind) for rung in rungs] == [
        (1_000, "mail"),
        (1_000, "mail"),
        (500, "charge"),
        (0, "mail"),
        (0, "stop"),
        (-1_000, "mail"),
    ]
    assert all(not rung.passed for rung in rungs)
    text = re.sub(r"\s+", " ", saved.content.decode())
    assert "The Visa card ending in 4242 is charged $10.00 for 2,000 credits: at most $50.00 a day and $100.00" in text
    assert "75 % of this period’s credits are used, 3,000 credits; an e-mail says so." in text
    assert "new requests are refused until credits are added" in text
    assert "0 of 9,000 credits this month. Beyond it requests are refused." in text
    assert "There are never more than nine in seven days." in text


def test_before_anything_is_set(workspace: Workspace, alice_client: Client) -> None:
    text = alice_client.get(page(workspace, "alerts/")).content.decode()
    assert "Requests are refused now. No card is charged: automatic top-ups are off." in text
    assert "Nothing to tell so far" in text
    assert text.count('name="percents"') == text.count("checked") == 4


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("low_credits", "0", "Write a balance above 0"),
        ("low_days", "91", "less than or equal to 90"),
        ("month_cents", "0", "greater than or equal to 0.01"),
        ("percents", "60", "60 is not one of the available choices"),
    ],
)
def test_what_makes_no_sense_is_refused(
    funded: Workspace, alice_client: Client, field: str, value: str, said: str
) -> None:
    answer = alice_client.post(page(funded, "alerts/save"), {**SAVED, field: value})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert settings_of(funded) == Wanted()


def test_who_may_read_and_who_may_change(
    funded: Workspace, alice_client: Client, bob: User, bob_client: Client, charlie_client: Client
) -> None:
    read, save = page(funded, "alerts/"), page(funded, "alerts/save")
    refuses_other_methods(alice_client, save, "post")
    asks_to_sign_in(read)
    hides_from_strangers(charlie_client, read)
    hides_from_strangers(charlie_client, save, "post")
    Membership.objects.update_or_create(workspace=funded, user=bob, defaults={"role": Role.MEMBER})
    shown = bob_client.get(read)
    assert b"Owners, admins and billing managers set this." in shown.content
    assert b"<form" not in shown.content.partition(b"<main")[2].partition(b"</main>")[0]
    refuses_role(bob_client, save, "post")
