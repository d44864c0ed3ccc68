"""What counts against a budget, and what it refuses."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiKey, Project, User, Workspace
from accounts.services.key_changes import api_key_rotate
from accounts.services.workspaces import workspace_update
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.hold_services import hold_release
from billing.ledger.selectors import balance
from billing.ledger.verify import verify
from billing.metering.events import Source
from billing.metering.known import forget_everything
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record_batch
from billing.metering.reverse import usage_reverse
from billing.metering.validate import parse_batch
from billing.usage.authorize import authorize
from billing.usage.budgets.holding import note_refusal
from billing.usage.budgets.models import Budget, BudgetHold, BudgetPeriod
from billing.usage.budgets.selectors import budgets_of
from billing.usage.budgets.services import budget_change, budget_remove, budgets_recount
from billing.usage.budgets.tests.conftest import NOW, SERVICE, Make, hold, left, settle, source_of, spend
from billing.usage.errors import BudgetExceeded
from billing.usage.estimate import estimate


def refused(workspace: Workspace, messages: int, source: Source = SERVICE, **fields: Any) -> BudgetExceeded:
    with pytest.raises(BudgetExceeded) as caught:
        hold(workspace, messages, source, **fields)
    return caught.value


def test_holds_and_charges_count_and_what_is_not_used_is_free(shop: Workspace, budget: Make) -> None:
    month = budget(10)
    held = hold(shop, 6)
    assert left(month) == (0, 6)
    error = refused(shop, 5)
    assert (error.needed, error.standing.left) == (5 * NANO, 4 * NANO)
    assert "has 4 of 10 credits left" in error.detail
    settle(shop, held, 2)
    assert left(month) == (2, 0)
    assert hold(shop, 8).amount == 8 * NANO
    assert left(month) == (2, 8)
    assert verify().problems == []


def test_a_released_hold_and_one_that_expired_are_free(shop: Workspace, budget: Make) -> None:
    month = budget(10)
    hold_release(workspace_id=shop.pk, hold_id=hold(shop, 10).hold_id, origin="service")
    assert left(month) == (0, 0)
    hold(shop, 10, expires_in=60)
    with clock.at(NOW + timedelta(seconds=60)):
        assert hold(shop, 10).amount == 10 * NANO  # the one before expires under the same lock
        assert left(month) == (0, 10)
        assert verify().problems == []


def test_usage_that_happened_is_recorded_beyond_a_budget(shop: Workspace, budget: Make) -> None:
    month = budget(10)
    spend(shop, 25)
    assert left(month) == (25, 0)
    assert refused(shop, 1).standing.left == -15 * NANO
    assert balance(shop.pk).available == 975 * NANO


def test_a_budget_that_only_tells_refuses_nothing(shop: Workspace, budget: Make) -> None:
    month = budget(10, stops=False)
    spend(shop, 25)
    assert hold(shop, 30).amount == 30 * NANO
    assert left(month) == (25, 30)


def test_what_costs_nothing_is_never_refused(shop: Workspace, budget: Make) -> None:
    budget(1)
    spend(shop, 5)
    assert hold(shop, 0).amount == 0


def test_each_level_counts_its_own(
    shop: Workspace, budget: Make, prod: Project, key: ApiKey, alice: User, bob: User
) -> None:
    levels = {
        "workspace": budget(100),
        "project": budget(100, project=prod),
        "key": budget(100, api_key=key),
        "member": budget(100, member=alice),
        "other": budget(100, member=bob),
    }
    spend(shop, 1)
    spend(shop, 2, project="prod")
    spend(shop, 4, source_of(key))
    spend(shop, 8, source_of(key), project="prod")
    hold(shop, 16, source_of(key), project="prod")
    assert {level: left(each) for level, each in levels.items()} == {
        "workspace": (15, 16),
        "project": (10, 16),
        "key": (12, 16),
        "member": (12, 16),
        "other": (0, 0),
    }
    assert verify().problems == []


def test_the_tightest_budget_refuses(shop: Workspace, budget: Make, prod: Project, key: ApiKey) -> None:
    budget(100)
    budget(5, project=prod)
    budget(20, api_key=key)
    assert refused(shop, 6, source_of(key), project="prod").standing.level == "project"
    assert refused(shop, 21, source_of(key)).standing.level == "key"
    assert hold(shop, 6, source_of(key)).amount == 6 * NANO
    assert hold(shop, 5, project="prod").amount == 5 * NANO


def test_a_project_that_usage_makes_has_no_budget_yet(shop: Workspace, budget: Make, prod: Project) -> None:
    budget(5, project=prod)
    assert hold(shop, 50, project="fresh").amount == 50 * NANO


def test_a_day_begins_anew_and_a_month_goes_on(shop: Workspace, budget: Make) -> None:
    day, month = budget(10, period="day"), budget(15)
    spend(shop, 10)
    assert refused(shop, 1).standing.period == "day"
    with clock.at(NOW + timedelta(days=1)):
        held = hold(shop, 5)
        assert refused(shop, 1).standing.period == "month"
        settle(shop, held, 5)
        assert (left(day), left(month)) == ((5, 0), (15, 0))
        assert verify().problems == []
    with clock.at(NOW + timedelta(days=31)):
        assert hold(shop, 10).amount == 10 * NANO


def test_a_hold_counts_in_the_period_that_is_running(shop: Workspace, budget: Make) -> None:
    day = budget(10, period="day")
    with clock.at(NOW.replace(hour=23, minute=59)):
        held = hold(shop, 8, expires_in=86_400)
    with clock.at(NOW + timedelta(days=1)):
        assert refused(shop, 3).standing.held == 8 * NANO
        settle(shop, held, 8)
        assert left(day) == (8, 0)


def test_late_usage_counts_in_the_day_it_belongs_to(shop: Workspace, budget: Make) -> None:
    day = budget(10, period="day")
    with clock.at(NOW + timedelta(days=1)):
        spend(shop, 3, occurred_at=NOW.isoformat())
        spend(shop, 4)
        periods = {row.starts_at.day: row.spent // NANO for row in day.periods.all()}
        assert periods == {10: 3, 11: 4}
        assert verify().problems == []


def test_usage_of_before_the_budget_counts_nowhere(shop: Workspace, budget: Make) -> None:
    day = budget(10, period="day")
    spend(shop, 3, occurred_at=(NOW - timedelta(days=1)).isoformat())
    assert left(day) == (0, 0)
    assert day.periods.count() == 1


def test_a_batch_counts_once(shop: Workspace, budget: Make, prod: Project) -> None:
    month, of_project = budget(100), budget(100, project=prod)
    raws = [{"event_id": f"e{n}", "usage": {"messages": n}, "project": "prod" if n % 2 else None} for n in range(1, 6)]
    for _ in range(2):
        usage_record_batch(workspace_id=shop.pk, source=SERVICE, events=parse_batch(raws))
    assert (left(month), left(of_project)) == ((15, 0), (9, 0))
    assert verify().problems == []


def test_what_is_given_back_can_be_spent_again(shop: Workspace, budget: Make) -> None:
    month = budget(10)
    event_id = spend(shop, 10)
    refused(shop, 1)
    pk = UsageEvent.objects.get(event_id=event_id).pk
    usage_reverse(workspace_id=shop.pk, pk=pk, reason="Wrong", actor="staff")
    usage_reverse(workspace_id=shop.pk, pk=pk, reason="Wrong", actor="staff")
    assert left(month) == (0, 0)
    assert hold(shop, 10).amount == 10 * NANO
    assert verify().problems == []


def test_a_new_budget_knows_what_was_spent_and_is_held(shop: Workspace, budget: Make, key: ApiKey, alice: User) -> None:
    spend(shop, 5, source_of(key))
    spend(shop, 7)
    hold(shop, 2, source_of(key))
    hold(shop, 4)
    assert left(budget(100)) == (12, 6)
    assert left(budget(100, api_key=key)) == (5, 2)
    assert left(budget(100, member=alice)) == (5, 2)
    assert verify().problems == []


def test_another_amount_counts_at_once(shop: Workspace, budget: Make, alice: User) -> None:
    month = budget(10)
    spend(shop, 10)
    refused(shop, 1)
    budget_change(budget=month, amount=12 * NANO, stops=True, by=alice)
    assert hold(shop, 2).amount == 2 * NANO
    budget_change(budget=month, amount=12 * NANO, stops=False, by=alice)
    assert hold(shop, 2).amount == 2 * NANO


def test_a_removed_budget_refuses_nothing_and_its_holds_end_well(shop: Workspace, budget: Make, alice: User) -> None:
    month = budget(10)
    held = hold(shop, 10)
    budget_remove(budget=month, by=alice)
    assert hold(shop, 10).amount == 10 * NANO
    settle(shop, held, 10)
    assert (Budget.objects.count(), BudgetHold.objects.count(), BudgetPeriod.objects.count()) == (0, 0, 0)
    assert verify().problems == []


def test_rotating_a_key_does_not_get_round_its_budget(shop: Workspace, budget: Make, key: ApiKey, alice: User) -> None:
    of_key = budget(10, api_key=key)
    spend(shop, 6, source_of(key))
    new, _ = api_key_rotate(key=key, grace=timedelta(hours=1), expires_at=None, by=alice)
    hold(shop, 3, source_of(new))
    assert left(of_key) == (6, 3)
    assert refused(shop, 2, source_of(new)).standing.budget_id == of_key.pk
    newest, _ = api_key_rotate(key=new, grace=timedelta(hours=1), expires_at=None, by=alice)
    assert refused(shop, 2, source_of(newest)).standing.budget_id == of_key.pk
    spend(shop, 1, source_of(newest))
    assert verify().problems == []


def test_another_time_zone_counts_the_running_day_anew(shop: Workspace, budget: Make, alice: User) -> None:
    day = budget(10, period="day")
    spend(shop, 4, occurred_at=NOW.replace(hour=8).isoformat())
    spend(shop, 5)
    hold(shop, 1)
    assert left(day) == (9, 1)
    workspace_update(workspace=shop, name=shop.name, time_zone="Pacific/Auckland", by=alice)  # 1:30 on the 11th
    assert left(day) == (5, 1)
    assert hold(shop, 4).amount == 4 * NANO
    assert verify().problems == []


def test_an_estimate_tells_of_the_budget_and_refuses_once_nothing_is_left(
    shop: Workspace, budget: Make, key: ApiKey
) -> None:
    budget(50)
    budget(10, api_key=key)

    def ask(messages: int, source: Source) -> Any:
        return estimate(workspace=shop, raw={"usage": {"messages": messages}}, source=source)

    found = ask(11, source_of(key))
    assert (found.sufficient, found.budget.level, found.budget.left) == (False, "key", 10 * NANO)
    assert ask(11, SERVICE).sufficient
    spend(shop, 10, source_of(key))
    with pytest.raises(BudgetExceeded) as caught:
        ask(1, source_of(key))
    assert caught.value.standing.level == "key"
    assert ask(0, source_of(key)).sufficient
    assert BudgetPeriod.objects.get(refused_at__isnull=False).budget.level == "key"


def test_a_hold_whose_time_is_over_counts_for_nobody_who_reads(shop: Workspace, budget: Make) -> None:
    budget(10)
    hold(shop, 10, expires_in=60)
    with clock.at(NOW + timedelta(seconds=61)):
        assert estimate(workspace=shop, raw={"usage": {"messages": 1}}).sufficient
        assert budgets_of(shop)[0].left == 10 * NANO


def test_a_budget_may_count_more_than_64_bits(shop: Workspace, budget: Make) -> None:
    month = budget(9_000_000_000, stops=False)
    month.periods.update(spent=2**63 - 1)
    spend(shop, 2)
    assert month.periods.get().spent == 2**63 - 1 + 2 * NANO
    assert budgets_of(shop)[0].spent == 2**63 - 1 + 2 * NANO


def test_refusals_and_pages_call_things_as_people_do_now(shop: Workspace, budget: Make, prod: Project) -> None:
    budget(1, project=prod)
    assert "the project “Production”" in refused(shop, 2, project="prod").detail
    Project.objects.filter(pk=prod.pk).update(name="Main")
    assert "the project “Main”" in refused(shop, 2, project="prod").detail


def test_a_refusal_of_a_budget_that_is_gone_is_only_a_refusal(shop: Workspace, budget: Make, alice: User) -> None:
    month = budget(1)
    error = refused(shop, 2)
    budget_remove(budget=month, by=alice)
    note_refusal(error, NOW)
    assert BudgetPeriod.objects.count() == 0


def test_many_budgets_and_holds_are_counted_anew_by_few_statements(
    shop: Workspace, budget: Make, alice: User, django_assert_max_num_queries: Any
) -> None:
    made = [budget(100, project=Project.objects.create(workspace=shop, slug=f"p{n}", name=f"P{n}")) for n in range(5)]
    for n in range(20):
        hold(shop, 1, project=f"p{n % 5}")
    forget_everything()
    with django_assert_max_num_queries(30 + 10 * len(made)):
        assert budgets_recount(shop) == 5
    assert [left(each) for each in made] == [(0, 4)] * 5


def test_without_budgets_nothing_more_is_asked(shop: Workspace) -> None:
    spend(shop, 1)
    for ask in (lambda: spend(shop, 1), lambda: hold(shop, 1), lambda: hold(shop, 1, project="prod")):
        with CaptureQueriesContext(connection) as asked:
            ask()
        assert not [query for query in asked if "budgets_" in query["sql"] or "accounts_project" in query["sql"]]


def test_a_repeat_of_an_authorisation_counts_once(shop: Workspace, budget: Make) -> None:
    month = budget(10)
    raw = {"usage": {"messages": 8}}
    first = authorize(workspace=shop, source=SERVICE, raw=raw, idempotency_key="k")
    again = authorize(workspace=shop, source=SERVICE, raw=raw, idempotency_key="k")
    assert (first.hold_id, again.replay) == (again.hold_id, True)
    assert left(month) == (0, 8)


@pytest.mark.parametrize(
    "change",
    [{"amount": 0}, {"held": -1}, {"period": "week"}, {"stops": None}],
)
def test_the_database_keeps_budgets_sound(shop: Workspace, budget: Make, change: dict[str, Any]) -> None:
    month = budget(10)
    with pytest.raises(IntegrityError), transaction.atomic():
        Budget.objects.filter(pk=month.pk).update(**change)


def test_the_database_has_one_budget_for_each_subject_and_period(shop: Workspace, budget: Make, prod: Project) -> None:
    month = budget(10)
    with pytest.raises(IntegrityError), transaction.atomic():
        Budget.objects.create(workspace=shop, period="month", amount=1, stops=True, counts_from=NOW, created_at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Budget.objects.filter(pk=month.pk).update(project=prod, member=month.created_by)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("UPDATE budgets_budget SET held = held + 1", "its open holds are 3"),
        ("DELETE FROM budgets_budgethold", "its open holds are 0"),
        ("DELETE FROM budgets_budgethold; UPDATE budgets_budget SET held = 0", "does not count 1 open holds"),
        ("UPDATE budgets_budgetperiod SET spent = spent - 1", "usage is 2"),
        ("DELETE FROM budgets_budgetperiod", "counted 0 since"),
    ],
)
def test_what_does_not_add_up_is_found(shop: Workspace, budget: Make, sql: str, found: str) -> None:
    budget(10)
    spend(shop, 2)
    hold(shop, 3)
    assert verify().problems == []
    with connection.cursor() as cursor:
        cursor.execute(sql)
    assert {problem.code for problem in verify().problems} == {"budget"}
    assert any(found in problem.detail for problem in verify().problems)
    call_command("budgets_recount", shop.public_id, stdout=StringIO())
    assert verify().problems == []
