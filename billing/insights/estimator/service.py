"""From what was typed to what the page shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from accounts.models import Workspace
from billing.insights.estimator.agents import Step
from billing.insights.estimator.engine import (
    Amount,
    MeterCost,
    PartCost,
    StepCost,
    Total,
    part,
    settled,
    together,
    up_to_cents,
)
from billing.insights.estimator.form import EstimateForm
from billing.insights.estimator.offers import Choice, PlanCost, compare, need_of
from billing.insights.estimator.reading import offers, rates_for
from billing.pricing.display import shown_size
from billing.pricing.selectors import meters
from billing.pricing.tariff import EXACT

STEP_NAMES = {
    "messages": "User messages",
    "call": "Call minutes",
    "talk": "Language model",
    "knowledge": "Knowledge base",
    "speech": "Voice",
    "transcription": "Transcription",
}
ONE = Decimal(1)


@dataclass(frozen=True)
class MeterRow:
    """A meter of a step, in one conversation or call and in a month, exact. `price` is for one `unit`."""

    label: str
    quantity: Decimal
    counted_in: str  # where the price is for another unit: "second", priced by the minute
    price: Amount
    unit: str
    once: Amount
    month: Amount


@dataclass(frozen=True)
class StepRow:
    """A step: shown rounded up, with the exact amounts beside it."""

    name: str
    model: str
    note: str
    problem: str
    once: Amount
    month: Amount
    meters: tuple[MeterRow, ...]


@dataclass(frozen=True)
class PartTable:
    """An agent with all its steps, or the meters of a month."""

    name: str  # chat, call, extras
    times: Decimal
    rows: tuple[StepRow, ...]
    once: Total
    month: Total
    minutes: Decimal | None = None  # of a call

    @property
    def usd_per_minute(self) -> Decimal | None:
        return self.once.usd_per(self.minutes) if self.minutes else None

    @property
    def usd_per_minute_exact(self) -> Decimal | None:
        return settled(EXACT.divide(self.once.exact.usd, self.minutes)) if self.minutes else None


@dataclass(frozen=True)
class PlanRow:
    cost: PlanCost
    usd_shown: Decimal  # rounded up to cents
    covered: tuple[tuple[str, Decimal, Decimal], ...]  # meter in words, used, included


@dataclass(frozen=True)
class Why:
    """Why the best plan is better than the second, in USD a month, of the totals as shown. Negative: the other way
    round.
    """

    dearer_by: Decimal  # by its price
    saves: Decimal  # in credits that have to be bought
    cheaper_by: Decimal  # in all


@dataclass(frozen=True)
class Estimate:
    parts: tuple[PartTable, ...]
    month: Total
    plans: tuple[PlanRow, ...]  # those that take the requests, the best value first
    refused: tuple[PlanRow, ...]
    yours: PlanRow | None
    why: Why | None

    @property
    def best(self) -> PlanRow | None:
        return next(iter(self.plans), None)

    @property
    def second(self) -> PlanRow | None:
        return next(iter(self.plans[1:]), None)

    def part(self, name: str) -> PartTable | None:
        return next((table for table in self.parts if table.name == name), None)

    @property
    def chat(self) -> PartTable | None:
        return self.part("chat")

    @property
    def call(self) -> PartTable | None:
        return self.part("call")

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Steps that have no price, and are in no sum."""
        return tuple(row.name for table in self.parts for row in table.rows if row.problem)


def estimate(form: EstimateForm, workspace: Workspace | None = None) -> Estimate | None:
    """What the form describes costs, with this workspace's prices and plan; None with errors in the form, also where a
    model does not do what it is chosen for.
    """
    if not form.is_valid():
        return None
    described = _described(form)
    rates = rates_for((step for _, steps, _ in described for step in steps), workspace)
    counted: dict[str, Decimal] = {}
    costs = [part(name, steps, times, rates, counted) for name, steps, times in described]
    for cost in costs:
        for step in cost.steps:
            if step.problem and step.step.model:
                form.refuse_unpriced(cost.name, step.step.name)
    if form.errors:
        return None
    said = form.cleaned_data
    need = need_of(costs, quality=said["quality"] if said["calls"] else "", at_once=int(said["at_once"]))
    choice = compare(offers(workspace), need, rates.usd_per_credit)
    return Estimate(
        parts=tuple(_table(cost, minutes=said["minutes"] if cost.name == "call" else None) for cost in costs),
        month=together([cost.month for cost in costs], rates.usd_per_credit),
        plans=tuple(_plan(plan) for plan in choice.fitting),
        refused=tuple(_plan(plan) for plan in choice.refused),
        yours=_plan(choice.yours) if choice.yours else None,
        why=_why(choice),
    )


def _described(form: EstimateForm) -> list[tuple[str, Sequence[Step], Decimal]]:
    """(part, its steps, how often a month)."""
    described: list[tuple[str, Sequence[Step], Decimal]] = []
    if chat := form.chat():
        described.append(("chat", chat.steps(), form.cleaned_data["conversations"]))
    if call := form.call():
        described.append(("call", call.steps(), form.cleaned_data["calls"]))
    if extras := form.extras():
        described.append(("extras", [extra.step() for extra in extras], ONE))
    return described


def _table(cost: PartCost, *, minutes: Decimal | None) -> PartTable:
    rows = tuple(_row(step) for step in cost.steps)
    return PartTable(cost.name, cost.times, rows, cost.once, cost.month, minutes)


def _row(cost: StepCost) -> StepRow:
    return StepRow(
        name=cost.step.label or STEP_NAMES[cost.step.name],
        model=cost.step.model,
        note=cost.note,
        problem=cost.detail if cost.problem else "",
        once=cost.once,
        month=cost.month,
        meters=tuple(_meter(line) for line in cost.lines),
    )


def _meter(line: MeterCost) -> MeterRow:
    known = meters().get(line.meter)
    unit = known.unit if known else line.meter.replace("_", " ")
    size, words = shown_size(line.meter, unit)
    return MeterRow(
        label=_label(line.meter),
        quantity=line.each,
        counted_in=unit if size > 1 else "",
        price=Amount(line.usd_for(size), line.month.usd_per_credit),
        unit=words,
        once=line.once,
        month=line.month,
    )


def _label(meter: str) -> str:
    known = meters().get(meter)
    return known.label if known else meter.replace("_", " ").capitalize()


def _plan(plan: PlanCost) -> PlanRow:
    covered = tuple((_label(each.meter).lower(), each.used, each.included) for each in plan.covered)
    return PlanRow(plan, up_to_cents(plan.usd), covered)


def _why(choice: Choice) -> Why | None:
    best, second = choice.best, choice.second
    if best is None or second is None:
        return None
    dearer_by = best.offer.price_usd - second.offer.price_usd
    cheaper_by = up_to_cents(second.usd) - up_to_cents(best.usd)
    return Why(dearer_by=dearer_by, saves=cheaper_by + dearer_by, cheaper_by=cheaper_by)
