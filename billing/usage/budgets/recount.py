"""Counting for budgets what happened without them: when one is made, and when days begin at another hour."""

from collections.abc import Iterable

from django.db.models import QuerySet

from billing.ledger.book import Book
from billing.ledger.models import Hold
from billing.metering.events import Source
from billing.metering.origins import KEY_CLASSES
from billing.metering.projects import existing_project
from billing.usage.budgets.counting import spent_before
from billing.usage.budgets.models import Budget, BudgetHold, BudgetPeriod
from billing.usage.budgets.rules import Rules, Subject, read_rules
from billing.usage.models import Authorization

PERCENTS = (80, 100)  # of a budget: people are told when so much is used

OpenHold = tuple[int, int, Subject]  # id, nano-credits, for whom
NOBODY = Subject(None, None, None)


def reached(spent: int, amount: int) -> int:
    """The last of PERCENTS that `spent` has reached; 0 before the first."""
    return max((percent for percent in PERCENTS if 100 * spent >= percent * amount), default=0)


def count_anew(book: Book, budgets: Iterable[Budget]) -> None:
    """Set what is spent in the running periods and held by open holds. What it finds used nobody is told of."""
    rules, holds = read_rules(book.workspace_id), _open_holds(book)
    for budget in budgets:
        _count(book, rules, budget, holds)


def _count(book: Book, rules: Rules, budget: Budget, holds: Iterable[OpenHold]) -> None:
    rule = rules.of(budget)
    running = rules.span(rule, book.now)
    BudgetPeriod.objects.filter(budget=budget, ends_at__gt=running.starts_at).exclude(
        starts_at=running.starts_at
    ).delete()
    spent = max(spent_before(book.workspace_id, rule, running), 0)
    BudgetPeriod.objects.update_or_create(
        budget=budget,
        starts_at=running.starts_at,
        defaults={"ends_at": running.ends_at, "spent": spent, "told_percent": reached(spent, budget.amount)},
    )
    BudgetHold.objects.filter(budget=budget).delete()
    kept = [
        BudgetHold(budget=budget, hold_id=pk, amount=amount) for pk, amount, subject in holds if rule.covers(subject)
    ]
    BudgetHold.objects.bulk_create(kept)
    budget.held = sum(row.amount for row in kept)
    budget.counts_from = running.starts_at
    budget.save(update_fields=["held", "counts_from"])


def _open_holds(book: Book) -> list[OpenHold]:
    found = Hold.objects.filter(
        workspace_id=book.workspace_id, open_until__gt=book.now, amount__gt=0, origin__in=KEY_CLASSES
    )
    found = found.exclude(pk__in=[hold.id for hold in book.ended])
    subjects = _subjects(book.workspace_id, found)
    rows = found.order_by("pk").values_list("pk", "amount")
    return [(pk, amount, subjects.get(pk, NOBODY)) for pk, amount in rows]


def _subjects(workspace_id: int, holds: QuerySet[Hold]) -> dict[int, Subject]:
    """For whom these holds were placed, by their ids."""
    asked = Authorization.objects.filter(pk__in=holds.values("pk")).values_list(
        "pk", "api_key", "api_key__created_by", "api_key__workspace", "api_key__project", "project"
    )
    projects: dict[tuple[int | None, str], int | None] = {}
    found = {}
    for pk, key, maker, of_workspace, own, named in asked:
        if (own, named) not in projects:
            projects[own, named] = existing_project(workspace_id, Source("", project_id=own), named)
        found[pk] = Subject(projects[own, named], key, maker if of_workspace else None)
    return found
