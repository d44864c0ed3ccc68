"""What people are told of budgets and paused keys, once each."""

from datetime import timedelta

import pytest

from accounts.models import ApiKey, Membership, User, Workspace
from accounts.roles import Role
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.site.services import site_update
from billing.usage.budgets.jobs import budget_alerts, paused_keys
from billing.usage.budgets.models import KeyPace
from billing.usage.budgets.services import budget_change, key_resume
from billing.usage.budgets.tests.conftest import NOW, Make, hold, source_of, spend
from billing.usage.errors import BudgetExceeded


def told(kind: str = "budget.used") -> list[OutboxMessage]:
    """The messages of one run of the jobs."""
    before = set(OutboxMessage.objects.values_list("pk", flat=True))
    budget_alerts(now=NOW, limit=100)
    paused_keys(now=NOW, limit=100)
    return list(OutboxMessage.objects.filter(kind=kind).exclude(pk__in=before).order_by("pk"))


def test_people_are_told_at_four_fifths_and_when_it_is_used_up(shop: Workspace, budget: Make) -> None:
    budget(10)
    spend(shop, 7)
    assert told() == []
    spend(shop, 1)
    (message,) = told()
    assert message.subject == "The monthly budget of Northwind AI is used to 80%"
    assert message.to == ["alice@example.com"]
    assert "has spent 8 of 10 credits" in message.text
    assert f"/w/{shop.public_id}/budgets/" in message.text
    assert told() == []
    spend(shop, 2)
    (message,) = told()
    assert message.subject == "The monthly budget of Northwind AI is used up: requests are refused"
    assert told() == []


def test_who_goes_past_both_at_once_is_told_once(shop: Workspace, budget: Make) -> None:
    budget(10, stops=False)
    spend(shop, 30)
    (message,) = told()
    assert message.subject == "The monthly budget of Northwind AI is used up"
    assert "It only tells you: requests go on." in message.text
    assert told() == []


def test_a_refusal_is_told_once_and_hides_nothing_of_what_comes(shop: Workspace, budget: Make) -> None:
    budget(100)
    for _ in range(2):
        with pytest.raises(BudgetExceeded):
            hold(shop, 101)
    (message,) = told()
    assert message.subject == "The monthly budget of Northwind AI has refused a request that needed more than is left"
    assert "Smaller ones go on until it is used up" in message.text
    assert told() == []
    spend(shop, 80)
    assert len(told()) == 1
    spend(shop, 30)
    assert len(told()) == 1


def test_a_refusal_of_what_is_nearly_used_up_is_told_with_that(shop: Workspace, budget: Make) -> None:
    budget(10)
    spend(shop, 9)
    with pytest.raises(BudgetExceeded):
        hold(shop, 6)
    (message,) = told()
    assert message.subject == "The monthly budget of Northwind AI is used to 80%"
    assert "A request that needed more than is left was refused" in message.text
    assert told() == []


def test_after_a_change_people_are_told_anew(shop: Workspace, budget: Make, alice: User) -> None:
    month = budget(10)
    spend(shop, 5)
    with pytest.raises(BudgetExceeded):
        hold(shop, 6)
    assert len(told()) == 1
    budget_change(budget=month, amount=10 * NANO, stops=False, by=alice)
    spend(shop, 5)
    assert [message.subject for message in told()] == ["The monthly budget of Northwind AI is used up"]
    for credits in (20, 10):
        budget_change(budget=month, amount=credits * NANO, stops=False, by=alice)
        assert told() == []


def test_a_refusal_before_anything_was_spent_is_told_too(shop: Workspace, budget: Make) -> None:
    day = budget(10, period="day")
    day.periods.all().delete()
    with pytest.raises(BudgetExceeded):
        hold(shop, 11)
    assert len(told()) == 1


def test_each_period_and_each_amount_is_told_anew(shop: Workspace, budget: Make, alice: User) -> None:
    month = budget(10)
    spend(shop, 10)
    assert len(told()) == 1
    budget_change(budget=month, amount=20 * NANO, stops=True, by=alice)
    assert told() == []
    spend(shop, 6)
    assert [message.subject[-3:] for message in told()] == ["80%"]


def test_what_a_new_budget_finds_used_is_no_news(shop: Workspace, budget: Make) -> None:
    spend(shop, 9)
    budget(10)
    assert told() == []


def test_the_member_is_told_of_their_own_budget(shop: Workspace, budget: Make, bob: User, key: ApiKey) -> None:
    bea = User.objects.create_user("bea@example.com", "correct horse 9")
    Membership.objects.create(workspace=shop, user=bea, role=Role.BILLING)
    key.created_by = bob
    key.save()
    budget(10, member=bob)
    spend(shop, 9, source_of(key))
    messages = told()  # one for each, who has a link of their own to end it
    assert sorted(message.to for message in messages) == [
        ["alice@example.com"],
        ["bea@example.com"],
        ["bob@example.com"],
    ]
    message = messages[0]
    assert message.subject.startswith("The monthly budget of the member “Bob Brown” of Northwind AI")


def test_owners_and_the_maker_of_a_paused_key_are_told_once_per_pause(
    shop: Workspace, key: ApiKey, alice: User, bob: User
) -> None:
    site_update(changes={"velocity_factor": 1, "velocity_minimum": 5}, actor="test")
    key.created_by = bob
    key.save()
    spend(shop, 6, source_of(key))
    (message,) = told("api_key.paused")
    assert message.to == ["alice@example.com", "bob@example.com"]
    assert message.subject == "The API key laptop of Northwind AI was paused: it spent far more than usual"
    assert "it spent 6 credits within a minute" in message.text
    assert told("api_key.paused") == []
    key_resume(key=key, by=alice)
    KeyPace.objects.update(paused_at=NOW + timedelta(minutes=5))
    assert len(told("api_key.paused")) == 1
