"""A workspace's budgets as its requests meet them, kept in memory while its wallet says that they are these."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from accounts.models import ApiKey, Workspace
from billing.ledger.journal import Journal
from billing.metering.known import Known
from billing.metering.selectors.days import zone
from billing.usage.budgets.models import Budget
from billing.usage.budgets.periods import Span, span


class Subject(NamedTuple):
    """For whom something is spent: its project, and the key and the member whose key it was reported with."""

    project_id: int | None
    api_key_id: int | None
    member_id: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A budget. `keys` are the one it names, those that this one replaced and those that replaced it. `name` is empty
    for the whole workspace; `amount` is in nano-credits.
    """

    id: int
    level: str
    name: str
    project_id: int | None
    keys: frozenset[int]
    member_id: int | None
    period: str
    amount: int
    stops: bool
    counts_from: datetime

    def covers(self, subject: Subject) -> bool:
        if self.level == "workspace":
            return True
        if self.level == "project":
            return subject.project_id == self.project_id
        if self.level == "key":
            return subject.api_key_id in self.keys
        return subject.member_id == self.member_id


@dataclass(frozen=True, slots=True)
class Rules:
    zone: ZoneInfo
    all: tuple[Rule, ...]

    def covering(self, subject: Subject) -> list[Rule]:
        return [rule for rule in self.all if rule.covers(subject)]

    def span(self, rule: Rule, at: datetime) -> Span:
        """The period of `rule` in which `at` counts."""
        return _span(at.replace(minute=0, second=0, microsecond=0), rule.period, self.zone)


NONE = Rules(ZoneInfo("UTC"), ())
_span = lru_cache(maxsize=1_024)(span)
_known: Known[tuple[int, int], Rules] = Known(limit=10_000)


def rules_of(book: Journal) -> Rules:
    """The budgets of a workspace whose book is open."""
    return rules_at(book.workspace_id, book.budget_revision)


def rules_at(workspace_id: int, revision: int) -> Rules:
    """The budgets of a workspace whose wallet is at `revision`; 0: it never had any."""
    if not revision:
        return NONE
    found = _known.get((workspace_id, revision))
    if found is None:
        found = read_rules(workspace_id)
        _known.remember({(workspace_id, revision): found})
    return found


def read_rules(workspace_id: int) -> Rules:
    budgets = Budget.objects.filter(workspace_id=workspace_id).select_related("project", "api_key", "member")
    found = tuple(rule_of(budget) for budget in budgets.order_by("pk"))
    time_zone = Workspace.objects.values_list("time_zone", flat=True).get(pk=workspace_id)
    return Rules(zone(time_zone), found)


def rule_of(budget: Budget) -> Rule:
    return Rule(
        id=budget.pk,
        level=budget.level,
        name=subject_name(budget),
        project_id=budget.project_id,
        keys=frozenset() if budget.api_key is None else family(budget.api_key),
        member_id=budget.member_id,
        period=budget.period,
        amount=budget.amount,
        stops=budget.stops,
        counts_from=budget.counts_from,
    )


def subject_name(budget: Budget) -> str:
    """What the budget is for, as people call it; empty for the whole workspace."""
    subject = budget.project or budget.api_key or budget.member
    return "" if subject is None else getattr(subject, "name", "") or str(subject)


def family(key: ApiKey) -> frozenset[int]:
    """A key with those that it replaced and that replaced it: rotating it does not get round its budget."""
    keys = {key.pk}
    later, earlier = key.replaced_by_id, _replaced([key.pk])
    while later is not None and later not in keys:
        keys.add(later)
        later = ApiKey.objects.values_list("replaced_by", flat=True).get(pk=later)
    while earlier - keys:
        keys |= earlier
        earlier = _replaced(earlier)
    return frozenset(keys)


def _replaced(by: Iterable[int]) -> set[int]:
    return set(ApiKey.objects.filter(replaced_by__in=list(by)).values_list("pk", flat=True))
