"""Which tasks are simple enough for a cheaper model, and which model that is. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from billing.insights.whatif.caching import CACHED, INPUT, WRITES
from billing.metering.past import WorkTotal
from billing.pricing.agreed import NO_TERMS, Terms
from billing.pricing.rating import rate
from billing.pricing.tariff import ModelPrices

OUTPUT = "output_tokens"
# What such tasks are called, as a part of their label.
WORDS = (
    *("summar", "classif", "action inference", "intent", "extract", "routing", "router", "tagging", "labeling"),
    *("labelling", "title", "moderation", "sentiment", "keyword", "rewrite", "query expansion", "guard", "triage"),
)
SHORT_ANSWER = 200  # tokens: a task whose answers are no longer on average is one, whatever it is called
LEAST_REQUESTS = 10
# A model takes a task only if its context holds so many times the average input.
CONTEXT_ROOM = 4
_SEPARATORS = re.compile(r"[\s_\-./]+")


@dataclass(slots=True)
class Work:
    """The requests of a model, task and agent together. Quantities are as reported: wholes contain their parts."""

    provider: str
    model: str
    task: str
    agent: str
    quantities: dict[str, Decimal] = field(default_factory=dict)
    nano: int = 0
    requests: int = 0

    @property
    def ref(self) -> str:
        return f"{self.provider}/{self.model}" if self.provider else self.model

    @property
    def input(self) -> Decimal:
        """All input tokens; cached and written ones are among them, also where only those were reported."""
        parts = sum((self.quantities.get(meter, Decimal(0)) for meter in (CACHED, *WRITES)), Decimal(0))
        return max(self.quantities.get(INPUT, Decimal(0)), parts)

    @property
    def cached_percent(self) -> Decimal:
        return Decimal(100) * self.quantities.get(CACHED, Decimal(0)) / self.input if self.input else Decimal(0)

    @property
    def average_input(self) -> Decimal:
        return self.input / self.requests if self.requests else Decimal(0)

    @property
    def average_output(self) -> Decimal:
        return self.quantities.get(OUTPUT, Decimal(0)) / self.requests if self.requests else Decimal(0)

    def typical(self) -> dict[str, Decimal]:
        """An average request, in whole tokens."""
        return {INPUT: self.average_input.quantize(Decimal(1)), OUTPUT: self.average_output.quantize(Decimal(1))}

    def add(self, meter: str, quantity: Decimal, nano: int, requests: int) -> None:
        self.quantities[meter] = self.quantities.get(meter, Decimal(0)) + quantity
        self.nano += nano
        self.requests += requests


@dataclass(frozen=True)
class Candidate:
    """A model that could do it. `used`: the workspace uses it already."""

    prices: ModelPrices
    context_window: int | None
    used: bool


def is_utility(work: Work) -> bool:
    """Whether the task is named like one that a cheaper model does well, or has a name and short answers."""
    if not work.task or work.requests < LEAST_REQUESTS or not work.quantities.get(OUTPUT):
        return False
    label = " ".join(_SEPARATORS.split(work.task.lower()))
    return any(word in label for word in WORDS) or work.average_output <= SHORT_ANSWER


def cheapest(work: Work, candidates: Sequence[Candidate], *, at: datetime, terms: Terms = NO_TERMS) -> Candidate | None:
    """The candidate for which an average request of this work costs least: one the workspace uses already if any of
    those is cheaper than the present model, else one of the same provider. None: nothing is cheaper.
    """
    usage = work.typical()
    present = next((each for each in candidates if each.prices.ref == work.ref), None)
    limit = _cost(present.prices, usage, at, terms) if present else None
    if limit is None:
        return None
    cheaper = [
        (cost, each.prices.ref, each)
        for each in candidates
        if _fits(each, work) and (cost := _cost(each.prices, usage, at, terms)) is not None and cost < limit
    ]
    for group in (
        [each for each in cheaper if each[2].used],
        [each for each in cheaper if each[2].prices.provider == work.provider],
    ):
        if group:
            return min(group, key=lambda each: each[:2])[2]
    return None


def works(rows: Iterable[WorkTotal], *, by_agent: bool) -> list[Work]:
    """Totals as works, dearest first; `by_agent`: those of each agent apart."""
    found: dict[tuple[str, ...], Work] = {}
    for row in rows:
        key = row.provider, row.model, row.task, row.agent if by_agent else ""
        work = found.get(key)
        if work is None:
            work = found[key] = Work(*key)
        work.add(row.meter, row.quantity, row.nano, row.requests)
    return sorted(found.values(), key=lambda work: (-work.nano, work.ref, work.task, work.agent))


def _fits(candidate: Candidate, work: Work) -> bool:
    room = candidate.context_window
    return candidate.prices.ref != work.ref and (room is None or room >= CONTEXT_ROOM * work.average_input)


def _cost(prices: ModelPrices, usage: Mapping[str, Decimal], at: datetime, terms: Terms) -> Decimal | None:
    """USD of a request; None where it has no price, or a price of nothing."""
    rating = rate(prices, usage=usage, variant={}, at=at, usd_per_credit=Decimal(1), terms=terms)
    return None if rating.problem or not rating.usd else rating.usd
