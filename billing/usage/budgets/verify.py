"""Do budgets add up? A check of verify_ledger: held = Σ of their open holds, spent = what the usage pages say."""

from django.db import transaction
from django.db.models import Sum

from billing.credits.units import credits
from billing.ledger.models import Hold, Wallet
from billing.ledger.records import Problem
from billing.usage.budgets.counting import spent_before
from billing.usage.budgets.models import Budget, BudgetHold, BudgetPeriod
from billing.usage.budgets.periods import Span
from billing.usage.budgets.rules import rule_of

PERIODS = 2  # of each budget: history does not change, but for late events and reversals


def verify_budgets(workspace_id: int) -> list[Problem]:
    """What does not add up about the budgets of a workspace."""
    with transaction.atomic():
        Wallet.objects.select_for_update(no_key=True).filter(pk=workspace_id).first()
        problems = []
        for budget in Budget.objects.filter(workspace_id=workspace_id).order_by("pk"):
            problems += _held(budget)
            problems += _spent(budget)
        return problems


def _held(budget: Budget) -> list[Problem]:
    found = []
    rows = BudgetHold.objects.filter(budget=budget)
    kept = rows.aggregate(sum=Sum("amount"))["sum"] or 0
    if kept != budget.held:
        found.append(_problem(budget, f"holds {_text(budget.held)}, its open holds are {_text(kept)}"))
    if ended := Hold.objects.filter(pk__in=rows.values("hold"), open_until=None).count():
        found.append(_problem(budget, f"counts {ended} holds that have ended"))
    return found


def _spent(budget: Budget) -> list[Problem]:
    rule = rule_of(budget)
    found = []
    periods = BudgetPeriod.objects.filter(budget=budget, starts_at__gte=budget.counts_from).order_by("-starts_at")
    for period in periods[:PERIODS]:
        used = spent_before(budget, rule, Span(period.starts_at, period.ends_at))
        if used != period.spent:
            since = f"{period.starts_at:%Y-%m-%d %H:%M}"
            found.append(_problem(budget, f"counted {_text(period.spent)} since {since}, usage is {_text(used)}"))
    return found


def _problem(budget: Budget, what: str) -> Problem:
    return Problem(budget.workspace_id, "budget", f"budget {budget.pk} ({budget}) {what}")


def _text(nano: int) -> str:
    return f"{credits(nano):f}"
