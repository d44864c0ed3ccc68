"""Real threads on real connections: siblings never overspend what they share."""

import random
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import hooks
from accounts.models import ApiKey, Project, User, Workspace
from accounts.services.key_changes import api_key_rotate
from accounts.services.workspaces import workspace_update
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.site.services import site_update
from billing.ledger.hold_services import hold_release
from billing.ledger.roundtrip import Statement
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.ledger.verify import verify
from billing.metering import counting
from billing.metering.events import Source
from billing.metering.hooks import spend_counters
from billing.metering.tests.test_races import together
from billing.pricing.testing import import_demo_prices
from billing.usage.budgets.models import Budget, KeyPace
from billing.usage.budgets.rules import read_rules
from billing.usage.budgets.services import budget_change, budget_create
from billing.usage.budgets.tests.conftest import hold, key_made_by, settle, source_of, spend
from billing.usage.errors import BudgetExceeded, KeyPaused

pytestmark = pytest.mark.django_db(transaction=True)
LIMITS = {"workspace": 40, "project": 23, "key": 9, "member": 17}


@pytest.fixture
def house(transactional_db: None, workspace: Workspace, alice: User, bob: User) -> Workspace:
    import_demo_prices()
    credits_grant(workspace_id=workspace.pk, key="start", amount=10_000 * NANO, label="Start")
    return workspace


def budgets(workspace: Workspace, alice: User, keys: list[ApiKey], projects: list[Project]) -> dict[str, Budget]:
    """Two of each level below the workspace, each with a small remainder."""

    def make(credits: int, **subject: object) -> Budget:
        return budget_create(
            workspace=workspace, period="month", amount=credits * NANO, stops=True, by=alice, **subject
        )

    found = {"workspace": make(LIMITS["workspace"])}
    found |= {f"project {each.pk}": make(LIMITS["project"], project=each) for each in projects}
    found |= {f"key {each.pk}": make(LIMITS["key"], api_key=each) for each in keys}
    found |= {f"member {each.created_by_id}": make(LIMITS["member"], member=each.created_by) for each in keys[::3]}
    return found


def test_20_threads_never_spend_more_than_any_of_four_levels_allows(house: Workspace, alice: User, bob: User) -> None:
    projects = [Project.objects.create(workspace=house, slug=f"p{n}", name=f"P{n}") for n in range(2)]
    keys = [key_made_by(person, house, f"k{n}") for n, person in enumerate([alice] * 3 + [bob] * 3)]
    made = budgets(house, alice, keys, projects)
    authorised: list[tuple[Source, str, int]] = []

    def work(seed: int) -> int:
        """Hold, then settle for as much, or less, or release; what was refused."""
        chance, refused = random.Random(seed), 0
        for _ in range(12):
            source = source_of(chance.choice(keys))
            project, messages = chance.choice(["p0", "p1"]), chance.randint(1, 4)
            try:
                held = hold(house, messages, source, project=project)
            except BudgetExceeded:
                refused += 1
                continue
            fate = chance.random()
            if fate < 0.2:
                hold_release(workspace_id=house.pk, hold_id=held.hold_id, origin="workspace")
            elif fate < 0.8:
                used = chance.randint(0, messages)
                settle(house, held, used, source)
                authorised.append((source, project, used))
            else:
                authorised.append((source, project, messages))  # stays on hold
        return refused

    results = together(*[lambda seed=seed: work(seed) for seed in range(20)])

    assert all(isinstance(result, int) for result in results), results
    assert sum(results) > 0
    for name, each in made.items():
        each.refresh_from_db()
        spent = each.periods.get().spent
        mine = [
            used
            for source, project, used in authorised
            if name == "workspace"
            or name == f"key {source.api_key_id}"
            or name == f"member {source.member_id}"
            or name == f"project {Project.objects.get(slug=project).pk}"
        ]
        assert spent + each.held == sum(mine) * NANO, name
        assert spent + each.held <= each.amount, name
    assert made["workspace"].held == balance(house.pk).held
    assert verify().problems == []


def test_a_key_is_paused_by_what_all_threads_spend_with_it_together(house: Workspace, alice: User) -> None:
    site_update(changes={"velocity_factor": 3, "velocity_minimum": 5}, actor="test")
    source = source_of(key_made_by(alice, house))
    moment = (clock.now() + timedelta(minutes=2)).replace(second=10)

    def work() -> None:
        with clock.at(moment):
            for _ in range(4):
                spend(house, 1, source)

    assert together(*[work] * 8) == [None] * 8
    pace = KeyPace.objects.get()
    assert (pace.spent, pace.paused_spent) == (32 * NANO, 16 * NANO)  # by the first credit above three times five
    with clock.at(moment), pytest.raises(KeyPaused):
        hold(house, 1, source)
    assert balance(house.pk, moment).available == (10_000 - 32) * NANO


def test_a_budget_made_and_changed_meanwhile_counts_everything(house: Workspace, alice: User) -> None:
    def work() -> int:
        done = 0
        for _ in range(15):
            try:
                settle(house, hold(house, 2), 1)
            except BudgetExceeded:
                continue
            done += 1
        return done

    def change() -> int:
        made = budget_create(workspace=house, period="day", amount=30 * NANO, stops=True, by=alice)
        for credits in (25, 20, 28):
            budget_change(budget=made, amount=credits * NANO, stops=True, by=alice)
        return 0

    *done, changed = together(*[work] * 6, change)
    assert changed == 0, changed
    day = Budget.objects.get()
    assert day.held == 0
    assert day.periods.get().spent == sum(done) * NANO == (10_000 * NANO - balance(house.pk).available)
    assert verify().problems == []


def test_a_hold_that_expires_while_others_ask_is_counted_once(house: Workspace, alice: User) -> None:
    made = budget_create(workspace=house, period="month", amount=10 * NANO, stops=True, by=alice)
    hold(house, 10, expires_in=1)
    later = timezone.now() + timedelta(seconds=2)

    def ask() -> bool:
        with clock.at(later):
            try:
                hold(house, 1)
            except BudgetExceeded:
                return False
            return True

    found = together(*[ask] * 16)
    assert found.count(True) == 10
    made.refresh_from_db()
    assert made.held == 10 * NANO


def test_rotating_a_key_while_it_reports_is_no_deadlock(
    house: Workspace, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_made_by(alice, house)
    Workspace.objects.filter(pk=house.pk).update(usage_write_allowed=True)
    budget_create(workspace=house, period="day", amount=1_000 * NANO, stops=True, by=alice, api_key=key)
    locked, rotating = threading.Event(), threading.Event()

    def under_the_lock(*_: object) -> list[Statement]:
        locked.set()
        rotating.wait(1)
        time.sleep(0.2)  # so that the other one waits for the wallet meanwhile
        return []

    before = hooks.key_rotating[:]

    def told(rotated: ApiKey) -> None:
        rotating.set()
        for each in before:
            each(rotated)

    monkeypatch.setattr(hooks, "key_rotating", [told])
    monkeypatch.setattr(counting, "spend_counters", [*spend_counters, under_the_lock])

    def rotate() -> ApiKey:
        locked.wait(10)
        return api_key_rotate(key=key, grace=timedelta(hours=1), expires_at=None, by=alice)[0]

    results = together(rotate, lambda: spend(house, 1, source_of(key), project="prod"))

    assert not [each for each in results if isinstance(each, Exception)], results
    assert Budget.objects.get().periods.get().spent == NANO


def test_a_budget_that_is_made_while_the_time_zone_changes_counts(
    house: Workspace, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing, before = threading.Event(), hooks.time_zone_changed[:]

    def slow(workspace: Workspace) -> None:
        for each in before:
            each(workspace)
        changing.set()
        time.sleep(0.3)

    monkeypatch.setattr(hooks, "time_zone_changed", [slow])

    def make() -> Budget:
        changing.wait(10)
        return budget_create(workspace=house, period="day", amount=5 * NANO, stops=True, by=alice)

    zone = "Pacific/Auckland"
    results = together(lambda: workspace_update(workspace=house, name=house.name, time_zone=zone, by=alice), make)

    assert not [each for each in results if isinstance(each, Exception)], results
    rules = read_rules(house.pk)
    assert Budget.objects.get().counts_from == rules.span(rules.all[0], clock.now()).starts_at


def test_a_process_reads_the_rules_once_also_when_it_only_refuses(house: Workspace, alice: User) -> None:
    made = budget_create(workspace=house, period="day", amount=NANO, stops=True, by=alice)

    def refusal() -> int:
        with CaptureQueriesContext(connection) as asked, pytest.raises(BudgetExceeded):
            hold(house, 2)
        asked_for = [query["sql"] for query in asked if 'FROM "accounts_workspace"' in query["sql"]]
        return len([sql for sql in asked_for if "IS NOT NULL" not in sql])  # who is suspended is another question

    assert [refusal() for _ in range(3)] == [1, 0, 0]
    budget_change(budget=made, amount=NANO // 2, stops=True, by=alice)
    assert [refusal() for _ in range(2)] == [1, 0]
