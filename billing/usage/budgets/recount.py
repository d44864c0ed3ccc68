"""Counting for a budget what happened without it: when it is made, and when days begin at another hour."""

from collections.abc import Iterator

from django.db.models import F

from billing.ledger.book import Book
from billing.ledger.models import Hold
from billing.metering.events import Source
from billing.metering.projects import existing_project
from billing.usage.budgets.counting import spent_before
from billing.usage.budgets.models import Budget, BudgetHold, BudgetPeriod
from billing.usage.budgets.rules import Rule, Subject, read_rules, rule_of
from billing.usage.models import Authorization

PERCENTS = (80, 100)  # of a budget: people are told when so much is used


def reached(spent: int, amount: int) -> int:
    """The last of PERCENTS that `spent` has reached; 0 before the first."""
    return max((percent for percent in PERCENTS if 100 * spent >= percent * amount), default=0)


def count_anew(book: Book, budget: Budget) -> None:
    """Set what is spent in the running period and held by open holds. What it finds used nobody is told of."""
    rule = rule_of(budget)
    running = read_rules(budget.workspace_id).span(rule, book.now)
    BudgetPeriod.objects.filter(budget=budget, ends_at__gt=running.starts_at).delete()
    spent = max(spent_before(budget, rule, running), 0)
    BudgetPeriod.objects.create(
        budget=budget,
        starts_at=running.starts_at,
        ends_at=running.ends_at,
        spent=spent,
        told_percent=reached(spent, budget.amount),
    )
    BudgetHold.objects.filter(budget=budget).delete()
    kept = [BudgetHold(budget=budget, hold_id=pk, amount=amount) for pk, amount in _open_holds(book, rule)]
    BudgetHold.objects.bulk_create(kept)
    budget.held = sum(row.amount for row in kept)
    budget.counts_from = running.starts_at
    budget.save(update_fields=["held", "counts_from"])


def _open_holds(book: Book, rule: Rule) -> Iterator[tuple[int, int]]:
    """(id, nano-credits) of the open holds that `rule` covers."""
    found = Hold.objects.filter(workspace_id=book.workspace_id, open_until__gt=book.now, amount__gt=0)
    ended = {hold.id for hold in book.ended}
    asked = {
        row.pk: row
        for row in Authorization.objects.filter(pk__in=found.values("pk")).annotate(
            member=F("api_key__created_by"), of_workspace=F("api_key__workspace"), of_project=F("api_key__project")
        )
    }
    for pk, amount in found.order_by("pk").values_list("pk", "amount"):
        row = asked.get(pk)
        if pk not in ended and rule.covers(_subject(book.workspace_id, row)):
            yield pk, amount


def _subject(workspace_id: int, row: Authorization | None) -> Subject:
    if row is None:
        return Subject(None, None, None)
    source = Source("", row.api_key_id, project_id=row.of_project)  # type: ignore[attr-defined]
    member = row.member if row.of_workspace is not None else None  # type: ignore[attr-defined]
    return Subject(existing_project(workspace_id, source, row.project), row.api_key_id, member)
