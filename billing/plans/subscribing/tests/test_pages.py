"""The pages of the plan, as they work without JavaScript."""

import re
from typing import Any

import pytest

from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods, refuses_role
from billing.plans.models import SubscriptionChange
from billing.plans.subscribing.change import change_look
from billing.plans.subscribing.tests.conftest import Till

pytestmark = pytest.mark.django_db


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_who_may_see_what(till: Till, alice_client: Any, bob_client: Any, charlie_client: Any) -> None:
    plan, choose = page(till.workspace, "plan"), page(till.workspace, "plan/choose")
    assert bob_client.get(plan).status_code == 200
    assert "Choose a plan" not in bob_client.get(plan).content.decode()
    for url, method in ((choose, "get"), (page(till.workspace, "plan/cancel"), "post")):
        refuses_role(bob_client, url, method)
        hides_from_strangers(charlie_client, url, method)
        asks_to_sign_in(url, method)
    refuses_other_methods(alice_client, plan, "get")
    refuses_other_methods(alice_client, choose, "get", "post")
    assert alice_client.get(page(till.workspace, "plan/changes/chg_none")).status_code == 404


def test_from_the_choice_to_the_payment_and_back(till: Till, alice_client: Any) -> None:
    choose = page(till.workspace, "plan/choose")
    shown = text(alice_client.get(choose, {"interval": "year"}))
    for words in ("$200.00", "1,000 credits a month", "14 days free at first", "Talk to", "Your plan"):
        assert words in shown
    with till.time():
        answer = alice_client.post(choose, {"key": "k", "plan": "plus", "tier": "0", "interval": "year"})
        assert answer.status_code == 302
        preview = alice_client.get(answer["Location"])
        assert "$200.00 is charged now" in text(preview)
        to_stripe = alice_client.post(answer["Location"])
        assert "/checkout/" in to_stripe["Location"]
        change = SubscriptionChange.objects.get()
        assert "Not paid yet" in text(alice_client.get(answer["Location"]))
        assert "is not paid yet" in text(alice_client.get(page(till.workspace, "plan")))
        till.simulated.pay(str(change.session_id))
        assert "It is being done" in text(alice_client.get(answer["Location"], {"back": "1"}))
    with till.time():
        change_look(change)
        assert "See your plan" in text(alice_client.get(answer["Location"], {"back": "1"}))
        plan = text(alice_client.get(page(till.workspace, "plan")))
        for words in ("Plus plan, yearly", "Paid until", "1,000 of 1,000 credits left", "Included this period"):
            assert words in plan


def test_upgrade_cancel_and_resume(till: Till, alice_client: Any) -> None:
    till.start("team")
    with till.time():
        answer = alice_client.post(
            page(till.workspace, "plan/choose"), {"key": "k", "plan": "team", "tier": "1", "interval": "month"}
        )
        shown = text(alice_client.get(answer["Location"]))
        assert "Confirm and pay" in shown
        assert "Unused time on" in shown
        alice_client.post(answer["Location"])
        assert "8,000 credits" in text(alice_client.get(page(till.workspace, "plan")))
        answer = alice_client.post(page(till.workspace, "plan/cancel"), {"key": "c"})
        assert "Nothing is charged any more" in text(alice_client.get(answer["Location"]))
        alice_client.post(answer["Location"])
        plan = text(alice_client.get(page(till.workspace, "plan")))
        assert "Resume the plan" in plan
        assert "The plan ends on" in plan
        answer = alice_client.post(page(till.workspace, "plan/stay"), {"key": "s"})
        alice_client.post(answer["Location"])
        assert "Cancel the plan" in text(alice_client.get(page(till.workspace, "plan")))
        assert text(alice_client.get(page(till.workspace, "plan/changes"))).count("Done") == 4


def test_a_failed_payment_says_what_to_do(till: Till, alice_client: Any) -> None:
    till.start("plus")
    till.card("pm_card_chargeCustomerFail")
    till.advance(days=29)
    till.look()
    with till.time():
        plan = text(alice_client.get(page(till.workspace, "plan")))
        assert "The last payment was declined" in plan
        assert "Use another card" in plan
        assert "As soon as the plan is paid" in plan
        refused = alice_client.post(
            page(till.workspace, "plan/choose"), {"key": "k", "plan": "team", "tier": "0", "interval": "month"}
        )
        assert refused.status_code == 422
        assert "The last payment failed" in text(refused)


@pytest.mark.parametrize(
    "sent",
    [
        {"key": "k", "plan": "nope", "tier": "0", "interval": "month"},
        {"key": "k", "plan": "plus", "tier": "7", "interval": "month"},
        {"key": "k", "plan": "a\0b"},
        {"key": "k", "plan": "plus", "interval": "week"},
        {},
    ],
)
def test_what_is_not_on_offer(till: Till, alice_client: Any, sent: dict[str, str]) -> None:
    assert alice_client.post(page(till.workspace, "plan/choose"), sent).status_code == 422
    assert SubscriptionChange.objects.count() == 0


def test_without_a_plan_and_without_stripe(workspace: Any, alice_client: Any, settings: Any, plans: None) -> None:
    settings.STRIPE_SECRET_KEY = ""
    assert "No plan" in text(alice_client.get(page(workspace, "plan")))
    assert "Payments are not set up" in text(alice_client.get(page(workspace, "plan/choose")))
    refused = alice_client.post(
        page(workspace, "plan/choose"), {"key": "k", "plan": "plus", "tier": "0", "interval": "month"}
    )
    assert refused.status_code == 422
    assert "No change yet" in text(alice_client.get(page(workspace, "plan/changes")))
