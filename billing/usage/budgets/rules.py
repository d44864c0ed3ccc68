"""A workspace's budgets as its requests meet them, kept in memory while its wallet says that they are these."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

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
    """A budget. `keys` are the one it names, those that this one replaced and those that replaced it; `amount` is in
    nano-credits.
    """

    id: int
    level: str
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

    def of(self, budget: Budget) -> Rule:
        (found,) = (rule for rule in self.all if rule.id == budget.pk)
        return found


NONE = Rules(ZoneInfo("UTC"), ())
_span = lru_cache(maxsize=1_024)(span)
_known: Known[int, tuple[int, Rules]] = Known(limit=10_000)  # by workspace: the revision, and its rules


def rules_of(book: Journal) -> Rules:
    """The budgets of a workspace whose book is open."""
    return rules_at(book.workspace_id, book.budget_revision)


def rules_at(workspace_id: int, revision: int) -> Rules:
    """The budgets of a workspace whose wallet is at `revision`; 0: it never had any."""
    if not revision:
        return NONE
    known = _known.get(workspace_id)
    if known is not None and known[0] == revision:
        return known[1]
    found = read_rules(workspace_id)
    # A book of its own reads what is committed, also when its request is then refused. Inside another transaction the
    # revision may be one that is taken back.
    inside = connection.in_atomic_block and connection.savepoint_ids
    (_known.remember if inside else _known.keep)({workspace_id: (revision, found)})
    return found


def read_rules(workspace_id: int) -> Rules:
    """The budgets as they are in the database."""
    budgets = Budget.objects.filter(workspace_id=workspace_id).order_by("pk")
    families = _families(workspace_id)
    time_zone = Workspace.objects.values_list("time_zone", flat=True).get(pk=workspace_id)
    return Rules(zone(time_zone), tuple(_rule(budget, families) for budget in budgets))


def _rule(budget: Budget, families: Mapping[int, frozenset[int]]) -> Rule:
    key = budget.api_key_id
    return Rule(
        id=budget.pk,
        level=budget.level,
        project_id=budget.project_id,
        keys=frozenset() if key is None else families.get(key, frozenset({key})),
        member_id=budget.member_id,
        period=budget.period,
        amount=budget.amount,
        stops=budget.stops,
        counts_from=budget.counts_from,
    )


def _families(workspace_id: int) -> Mapping[int, frozenset[int]]:
    """By key, for those that were rotated: all that came of each other. Rotating does not get round a budget."""
    rotated = ApiKey.objects.filter(workspace_id=workspace_id, replaced_by__isnull=False)
    found: dict[int, frozenset[int]] = {}
    for old, new in rotated.values_list("pk", "replaced_by__pk"):
        joined = found.get(old, frozenset({old})) | found.get(new, frozenset({new}))
        found.update(dict.fromkeys(joined, joined))
    return found


def subject_names(budgets: Iterable[int]) -> dict[int, str]:
    """What these budgets are for, as people call it now; empty for a whole workspace."""
    found = Budget.objects.filter(pk__in=list(budgets)).select_related("project", "api_key", "member")
    return {budget.pk: subject_name(budget) for budget in found}


def subject_name(budget: Budget) -> str:
    subject = budget.project or budget.api_key or budget.member
    return "" if subject is None else getattr(subject, "name", "") or str(subject)
