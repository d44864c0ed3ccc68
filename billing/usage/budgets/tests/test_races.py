"""Real threads on real connections: siblings never overspend what they share."""

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiKey, Project, User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.hold_services import hold_release
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.ledger.verify import verify
from billing.metering.events import Source
from billing.metering.tests.test_races import together
from billing.pricing.testing import import_demo_prices
from billing.usage.budgets.models import Budget
from billing.usage.budgets.services import budget_change, budget_create
from billing.usage.budgets.tests.conftest import hold, key_made_by, settle, source_of
from billing.usage.errors import BudgetExceeded

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
