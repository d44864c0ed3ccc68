"""Do budgets add up? A check of verify_ledger: held = Σ of their open holds, spent = what the usage pages say."""

from django.db import transaction
from django.db.models import Sum

from billing.credits import clock
from billing.credits.units import credits
from billing.ledger.models import Hold, Wallet
from billing.ledger.records import Problem
from billing.metering.origins import KEY_CLASSES
from billing.usage.budgets.counting import spent_before
from billing.usage.budgets.models import Budget, BudgetHold, BudgetPeriod
from billing.usage.budgets.periods import Span
from billing.usage.budgets.rules import Rules, read_rules

PERIODS = 2  # of each budget: history does not change, but for late events and reversals


def verify_budgets(workspace_id: int) -> list[Problem]:
    """What does not add up about the budgets of a workspace. The wallet is locked for one budget at a time."""
    problems = []
    for budget in Budget.objects.filter(workspace_id=workspace_id).order_by("pk"):
        with transaction.atomic():
            Wallet.objects.select_for_update(no_key=True).filter(pk=workspace_id).first()
            current = Budget.objects.filter(pk=budget.pk).first()
            if current is not None:
                rules = read_rules(workspace_id)
                problems += [*_held(current), *_spent(current, rules)]
    return problems


def _held(budget: Budget) -> list[Problem]:
    found = []
    rows = BudgetHold.objects.filter(budget=budget)
    kept = rows.aggregate(sum=Sum("amount"))["sum"] or 0
    if kept != budget.held:
        found.append(_problem(budget, f"holds {_text(budget.held)}, its open holds are {_text(kept)}"))
    if ended := Hold.objects.filter(pk__in=rows.values("hold"), open_until=None).count():
        found.append(_problem(budget, f"counts {ended} holds that have ended"))
    if budget.level == "workspace":  # of the others a key may have another project by now
        opened = Hold.objects.filter(
            workspace=budget.workspace_id, open_until__isnull=False, amount__gt=0, origin__in=KEY_CLASSES
        )
        if lost := opened.exclude(pk__in=rows.values("hold")).count():
            found.append(_problem(budget, f"does not count {lost} open holds"))
    return found


def _spent(budget: Budget, rules: Rules) -> list[Problem]:
    rule = rules.of(budget)
    running = rules.span(rule, clock.now())
    periods = BudgetPeriod.objects.filter(budget=budget, starts_at__gte=budget.counts_from).order_by("-starts_at")
    counted = {Span(each.starts_at, each.ends_at): int(each.spent) for each in periods[:PERIODS]}
    if running.starts_at >= budget.counts_from:
        counted.setdefault(running, 0)
    found = []
    for period, spent in counted.items():
        used = spent_before(budget.workspace_id, rule, period)
        if used != spent:
            since = f"{period.starts_at:%Y-%m-%d %H:%M}"
            found.append(_problem(budget, f"counted {_text(spent)} since {since}, usage is {_text(used)}"))
    return found


def _problem(budget: Budget, what: str) -> Problem:
    return Problem(budget.workspace_id, "budget", f"budget {budget.pk} ({budget}) {what}")


def _text(nano: int) -> str:
    return f"{credits(nano):f}"
