"""Budgets of the demo's main workspace: one that is far from its end, one that is near."""

from datetime import datetime

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.usage.budgets.selectors import budgets_of
from billing.usage.budgets.services import budget_change, budget_create


def budget_story(workspace: Workspace, *, owner: User, now: datetime) -> None:
    """A month for everybody, and one for the project “Production”, nine tenths used."""
    production = workspace.projects.get(slug="production")
    with clock.at(now):
        for tenths, stops, project in ((6, True, None), (9, False, production)):
            # What is spent is known once it counts; the amount follows from that.
            budget = budget_create(
                workspace=workspace, period="month", amount=NANO, stops=stops, project=project, by=owner
            )
            (standing,) = (each for each in budgets_of(workspace, now) if each.budget_id == budget.pk)
            credits = max(standing.spent * 10 // tenths // (100 * NANO), 1) * 100
            budget_change(budget=budget, amount=credits * NANO, stops=stops, by=owner)
