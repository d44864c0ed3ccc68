"""May this be spent? Asked before a request, and kept to with its hold. Amounts are nano-credits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing.ledger.book import Book
from billing.ledger.journal import Journal
from billing.ledger.records import HoldState
from billing.ledger.roundtrip import Statement
from billing.ledger.session import read
from billing.metering.events import Source
from billing.usage.budgets.models import BudgetPeriod
from billing.usage.budgets.pace import paused_since
from billing.usage.budgets.periods import Span
from billing.usage.budgets.rules import Rule, Rules, Subject, rules_of
from billing.usage.errors import BudgetExceeded, KeyPaused, Standing

_STANDING = """
SELECT b.id, b.held, p.starts_at, p.spent FROM budgets_budget b
LEFT JOIN budgets_budgetperiod p ON p.budget_id = b.id AND p.ends_at > %s::timestamptz
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
            raise BudgetExceeded(tightest, needed=needed)

    def hold_writes(self, hold: int, amount: int) -> list[Statement]:
        """What keeps `amount` of each budget for a hold; it goes with the book that writes the hold."""
        if not self.standings or not amount:
            return []
        ids = [str(each.budget_id) for each in self.standings]
        return [(_HOLD, (str(hold), str(amount), ids, str(amount), ids))]


def budgets_for(book: Book, source: Source, project_id: int | None) -> Covering:
    """The budgets a hold counts against, under the wallet lock. Raises KeyPaused."""
    refuse_paused(source)
    if book.ended:  # expired at this very moment: what they kept of the budgets is free
        read(*holds_ended(book, book.ended))
    return covering(rules_of(book), Subject(project_id, source.api_key_id, source.member_id), book.now)


def refuse_paused(source: Source) -> None:
    """Raises KeyPaused for a workspace's key that spent far faster than it usually does."""
    if (pause := paused_since(source)) is not None:
        raise KeyPaused(pause.since, pause.spent)


def covering(rules: Rules, subject: Subject, at: datetime) -> Covering:
    """The budgets of `rules` that cover what `subject` spends, as they stand at `at`."""
    return Covering(standings(rules, rules.covering(subject), at))


def standings(rules: Rules, wanted: Sequence[Rule], at: datetime) -> list[Standing]:
    """How these budgets stand at `at`."""
    if not wanted:
        return []
    (rows,) = read((_STANDING, (at.isoformat(), [str(rule.id) for rule in wanted])))
    held = {row[0]: row[1] for row in rows}
    spent = {(row[0], row[2]): row[3] for row in rows}
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
        name=rule.name,
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
    if rules_of(book).all:
        yield _END, ([str(hold.id) for hold in holds],)


def note_refusal(refused: BudgetExceeded, at: datetime) -> None:
    """Remember when a budget first refused a request in its period, so that people are told. What the request wanted
    was rolled back by then.
    """
    standing = refused.standing
    with transaction.atomic():
        period, _ = BudgetPeriod.objects.get_or_create(
            budget_id=standing.budget_id,
            starts_at=standing.starts_at,
            defaults={"ends_at": standing.resets_at, "spent": 0},
        )
        if period.refused_at is None:
            BudgetPeriod.objects.filter(pk=period.pk, refused_at=None).update(refused_at=at)
