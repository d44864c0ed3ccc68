"""Ways to use fewer credits, computed from a workspace's own requests. What each saves is the answer to a what-if that
its link shows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from accounts.models import Workspace
from billing.insights.whatif.asked import MOST_CACHED, Question, Span, span
from billing.insights.whatif.caching import CACHED, INPUT, LEAST_INPUT
from billing.insights.whatif.compare import Sums
from billing.insights.whatif.query import MOST_REQUESTS, answer
from billing.insights.whatif.utility import LEAST_REQUESTS, Candidate, Work, cheapest, is_utility, works
from billing.metering.selectors.past import work_totals
from billing.pricing.book import prices_for, prices_of
from billing.pricing.models import CatalogModel
from billing.pricing.terms import Terms, terms_for

SHOWN = 5  # the dearest works are looked at
ASSUMED = 50  # percent of cached input where the workspace has no better example
GOOD_EXAMPLE = 25  # percent of cached input from which on a work is an example for the others
SHARES = (25, 50, 75, 90)
TEXT = "text"
Key = tuple[str, str]


@dataclass(frozen=True)
class Way:
    """One work done otherwise, and what that saves."""

    work: Work
    question: Question
    sums: Sums
    target: str  # "provider/model"; for caching the same model
    used: bool = False  # the workspace uses the target already


@dataclass(frozen=True)
class Ways:
    """`share`: percent of cached input that is assumed; `best`: the best that was seen, and where."""

    span: Span
    has_usage: bool
    share: int
    best: Work | None
    caching: list[Way] = field(default_factory=list)
    utility: list[Way] = field(default_factory=list)

    @property
    def caching_saves(self) -> int:
        return sum(way.sums.saved for way in self.caching)

    @property
    def utility_saves(self) -> int:
        return sum(way.sums.saved for way in self.utility)

    @property
    def best_percent(self) -> int:
        return int(self.best.cached_percent) if self.best else 0

    @property
    def shares(self) -> list[int]:
        """What can be assumed instead."""
        return sorted({*SHARES, self.share} | ({self.best_percent} if self.best_percent >= GOOD_EXAMPLE else set()))


def ways(workspace: Workspace, *, count: int, share: int | None) -> Ways:
    """Ways for the last `count` days. `share`: percent of cached input; None: the best that the workspace reaches
    itself, or half where it has no example.
    """
    days = span(workspace, count)
    terms = terms_for(workspace.pk)
    rows = work_totals(workspace.pk, since=days.since, until=days.until)
    of_text = [row for row in rows if (prices := prices_for(row.ref)) is not None and prices.modality == TEXT]
    cacheable = [work for work in works(of_text, by_agent=True) if _can_cache(work, days.until, terms)]
    best = max(cacheable, key=lambda work: work.cached_percent, default=None)
    example = min(int(best.cached_percent), MOST_CACHED) if best else 0
    assumed = share if share is not None else example if example >= GOOD_EXAMPLE else ASSUMED
    low = [work for work in cacheable if work.cached_percent < assumed]
    utility = [work for work in works(of_text, by_agent=False) if is_utility(work)]
    used = {(row.provider, row.model) for row in of_text}
    return Ways(
        days,
        has_usage=any(row.requests for row in rows),
        share=assumed,
        best=best,
        caching=_saving(_cached(workspace, work, count, assumed) for work in _answerable(low)),
        utility=_saving(_cheaper(workspace, _answerable(utility), used, count, days.until)),
    )


def _can_cache(work: Work, now: datetime, terms: Terms) -> bool:
    """Whether caching is cheaper for this model, and its inputs are large and many enough."""
    prices = prices_for(work.ref)
    if prices is None or work.requests < LEAST_REQUESTS or work.average_input < LEAST_INPUT:
        return False
    lines = terms.tariff(prices, at=now, variant={}).lines
    cached, fresh = lines.get(CACHED), lines.get(INPUT)
    return cached is not None and fresh is not None and cached.usd(Decimal(1)) < fresh.usd(Decimal(1))


def _answerable(found: Sequence[Work]) -> Sequence[Work]:
    return [work for work in found if work.nano and work.requests <= MOST_REQUESTS][:SHOWN]


def _saving(found: Iterable[Way]) -> list[Way]:
    return sorted((way for way in found if way.sums.saved > 0), key=lambda way: -way.sums.saved)


def _cached(workspace: Workspace, work: Work, count: int, share: int) -> Way:
    asked = Question(days=count, of=work.ref, model=work.ref, task=work.task, agent=work.agent, cached=share)
    return Way(work, asked, _sums(workspace, asked), work.ref)


def _cheaper(workspace: Workspace, found: Sequence[Work], used: set[Key], count: int, now: datetime) -> Iterable[Way]:
    candidates = _candidates({work.provider for work in found}, used) if found else []
    for work in found:
        candidate = cheapest(work, candidates, at=now, terms=terms_for(workspace.pk))
        if candidate is not None:
            ref = candidate.prices.ref
            asked = Question(days=count, of=work.ref, model=ref, task=work.task)
            yield Way(work, asked, _sums(workspace, asked), ref, candidate.used)


def _candidates(providers: set[str], used: set[Key]) -> list[Candidate]:
    """Text models that are not retired: those of these providers' own making, and those in use."""
    own = Q(provider__in=providers, by_maker=True)
    in_use = Q(provider__in={key[0] for key in used}, model__in={key[1] for key in used})
    models = {
        (model.provider, model.model): model
        for model in CatalogModel.objects.filter(own | in_use, modality=TEXT, retired_at=None)
    }
    prices = prices_of(models)
    return [Candidate(prices[key], model.context_window, key in used) for key, model in models.items()]


def _sums(workspace: Workspace, asked: Question) -> Sums:
    found = answer(workspace, asked).models
    return found.total if found else Sums()
