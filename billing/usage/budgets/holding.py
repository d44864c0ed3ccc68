"""May this be spent? Asked before a request, and kept to with its hold. Amounts are nano-credits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection

from billing.foundation.site.selectors import site
from billing.ledger.journal import Journal
from billing.ledger.records import HoldState
from billing.ledger.roundtrip import Statement
from billing.ledger.session import read
from billing.metering.events import Source
from billing.metering.projects import existing_project
from billing.usage.budgets.periods import Span
from billing.usage.budgets.rules import Rule, Rules, Subject, subject_names
from billing.usage.errors import BudgetExceeded, Standing

# A hold whose time is over keeps nothing, also while nobody has posted that.
_STANDING = """
SELECT b.id, b.held - coalesce((
        SELECT sum(k.amount) FROM ledger_hold h JOIN budgets_budgethold k ON k.hold_id = h.operation_id
        WHERE h.workspace_id = b.workspace_id AND h.open_until <= asked.at AND k.budget_id = b.id
    ), 0)::bigint, p.starts_at, p.spent
FROM (SELECT %s::timestamptz AS at) asked CROSS JOIN budgets_budget b
LEFT JOIN budgets_budgetperiod p ON p.budget_id = b.id AND p.ends_at > asked.at
WHERE b.id = ANY(%s::bigint[])
"""
_HOLD = """
WITH kept AS (
    INSERT INTO budgets_budgethold (hold_id, budget_id, amount)
    SELECT %s::bigint, budget, %s::bigint FROM unnest(%s::bigint[]) budget
)
UPDATE budgets_budget SET held = held + %s::bigint WHERE id = ANY(%s::bigint[])
"""
_END = """
WITH ended AS (
    DELETE FROM budgets_budgethold WHERE hold_id = ANY(%s::bigint[]) RETURNING budget_id, amount
)
UPDATE budgets_budget b SET held = b.held - freed.amount
FROM (SELECT budget_id, sum(amount)::bigint AS amount FROM ended GROUP BY budget_id) freed WHERE b.id = freed.budget_id
"""


_REFUSED = """
INSERT INTO budgets_budgetperiod AS running (budget_id, starts_at, ends_at, spent, refused_at)
SELECT id, %s, %s, 0, %s FROM budgets_budget WHERE id = %s AND amount = %s FOR KEY SHARE
ON CONFLICT (budget_id, starts_at) DO UPDATE SET refused_at = excluded.refused_at WHERE running.refused_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Covering:
    """The budgets that cover a request, as they stand at an instant."""

    standings: Sequence[Standing] = ()

    @property
    def nearest(self) -> Standing | None:
        """The one that stops requests and has least left."""
        return min((each for each in self.standings if each.stops), key=lambda each: each.left, default=None)

    def check(self, needed: int) -> None:
        """Raises BudgetExceeded when a budget that stops requests has less than `needed` left."""
        if needed and (tightest := self.nearest) is not None and needed > tightest.left:
            raise exceeded(tightest, needed=needed)

    def hold_writes(self, hold: int, amount: int) -> list[Statement]:
        """What keeps `amount` of each budget for a hold; it goes with the book that writes the hold."""
        if not self.standings or not amount:
            return []
        ids = [str(each.budget_id) for each in self.standings]
        return [(_HOLD, (str(hold), str(amount), ids, str(amount), ids))]


def budgets_for(rules: Rules, source: Source, *, workspace_id: int, project: str, at: datetime) -> Covering:
    """The budgets that cover a request with the key of `source` for the project of that name, as they stand at `at`.
    Under the wallet lock, with the rules of its book, that is a promise.
    """
    if not rules.all:
        return Covering()
    project_id = existing_project(workspace_id, source, project)
    subject = Subject(project_id, source.api_key_id, source.member_id)
    return Covering(standings(rules, rules.covering(subject), at))


def exceeded(standing: Standing, *, needed: int) -> BudgetExceeded:
    return BudgetExceeded(named([standing])[0], needed=needed, unit=site().credit_name_plural)


def named(found: Sequence[Standing]) -> list[Standing]:
    """The same, with the names that people give to what the budgets are for."""
    names = subject_names(each.budget_id for each in found)
    return [replace(each, name=names.get(each.budget_id, "")) for each in found]


def standings(rules: Rules, wanted: Sequence[Rule], at: datetime) -> list[Standing]:
    """How these budgets stand at `at`; without their names."""
    if not wanted:
        return []
    (rows,) = read((_STANDING, (at.isoformat(), [str(rule.id) for rule in wanted])))
    held = {row[0]: row[1] for row in rows}
    spent = {(row[0], row[2]): int(row[3]) for row in rows if row[2] is not None}
    return [
        _standing(rule, period, held[rule.id], spent.get((rule.id, period.starts_at), 0))
        for rule in wanted
        if rule.id in held
        for period in [rules.span(rule, at)]
    ]


def _standing(rule: Rule, period: Span, held: int, spent: int) -> Standing:
    return Standing(
        budget_id=rule.id,
        level=rule.level,
        period=rule.period,
        amount=rule.amount,
        stops=rule.stops,
        spent=spent,
        held=held,
        starts_at=period.starts_at,
        resets_at=period.ends_at,
    )


def holds_ended(book: Journal, holds: Sequence[HoldState]) -> Iterator[Statement]:
    """What `ledger.hooks.holds_ended` asks: they count against no budget any more."""
    if book.budget_revision:
        yield _END, ([str(hold.id) for hold in holds],)


def note_refusal(refused: BudgetExceeded, at: datetime) -> None:
    """Remember when a budget first refused a request in its period, so that people are told. What the request wanted
    was rolled back by then; a budget that is gone, or has another amount, has nothing to tell.
    """
    standing = refused.standing
    values: list[Any] = [standing.starts_at, standing.resets_at, at, standing.budget_id, standing.amount]
    with connection.cursor() as cursor:
        cursor.execute(_REFUSED, values)
