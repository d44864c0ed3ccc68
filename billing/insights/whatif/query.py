"""Answering: which events, which prices, which plans. An answer is kept in the process for a minute."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.cache import TimedCache
from billing.foundation.site.selectors import site
from billing.insights.whatif.asked import Choices, Question, Span, span
from billing.insights.whatif.caching import WRITTEN, cached_to
from billing.insights.whatif.compare import Comparison, compare
from billing.insights.whatif.plans import Month, Offer, PlanComparison, replay_plans
from billing.insights.whatif.terms import has_of_plan, takes_off, terms_on
from billing.metering.selectors.breakdown import BreakdownRow, breakdown
from billing.metering.selectors.past import past_events
from billing.plans.models import CreditTier, PlanVersion
from billing.plans.periods.amounts import cents_a_month, credits_a_month
from billing.plans.selectors import current_subscription, plans_on_offer
from billing.pricing.book import PLATFORM, prices_for
from billing.pricing.models import CatalogModel
from billing.pricing.replay import Counts, Replay
from billing.pricing.tariff import EXACT, ModelPrices
from billing.pricing.terms import Terms, terms_for

# A page is not the place for more; fewer days, or one model, are.
MOST_REQUESTS = 1_000_000
KEEP_SECONDS = 60
MOST_TARGETS = 400


class NotAnswered(Exception):
    """Why a question has no answer, in words for the person who asked."""


@dataclass(frozen=True)
class Answer:
    """One of `models` (on another model) and `plans` (on another plan)."""

    question: Question
    span: Span
    usd_per_credit: Decimal
    target: str = ""  # "provider/model" or the name of the plan
    current: str = ""  # the name of the workspace's plan; empty without one
    modality: str = ""  # of the target, where everything of its kind is compared
    models: Comparison | None = None
    plans: PlanComparison | None = None


def choices(workspace: Workspace, asked: Question) -> Choices:
    """What the forms offer."""
    rows = used_models(workspace, span(workspace, asked.days))
    kinds = {prices.modality for row in rows if (prices := prices_for(row.key))} or {"text"}
    targets = CatalogModel.objects.filter(modality__in=kinds, retired_at=None, by_maker=True)
    return Choices(
        used=[(row.key, row.requests) for row in rows],
        targets=[str(model) for model in targets.order_by("provider", "model")[:MOST_TARGETS]],
        plans=[(version.plan.key, version.plan.name) for version in plans_on_offer()],
    )


def used_models(workspace: Workspace, days: Span) -> list[BreakdownRow]:
    """What the workspace used in these days, dearest first, without the platform's own services."""
    rows = breakdown(workspace, by="model", since=days.since, until=days.until)
    return [row for row in rows if row.key not in ("", PLATFORM[0]) and row.requests]


def answer(workspace: Workspace, asked: Question) -> Answer:
    """The answer, at most a minute old. Raises NotAnswered."""
    return _answers.get((workspace.pk, asked))


def _answer(key: tuple[int, Question]) -> Answer:
    workspace, asked = Workspace.objects.get(pk=key[0]), key[1]
    return _on_plan(workspace, asked) if asked.on == "plan" else _on_model(workspace, asked)


_answers: TimedCache[tuple[int, Question], Answer] = TimedCache(_answer, seconds=KEEP_SECONDS, most=500)


def _on_model(workspace: Workspace, asked: Question) -> Answer:
    now = clock.now()
    prices = prices_for(asked.model) if asked.model else None
    if prices is None:
        raise NotAnswered(f"“{asked.model}” is not in the catalogue. Choose a model from the list.")
    days = span(workspace, asked.days, until=now)
    keys = _keys(used_models(workspace, days), asked, prices)
    change = None
    if asked.cached:
        writes = prices.in_force(WRITTEN, now) is not None
        change = cached_to(asked.cached, writes=writes)
    terms, face = terms_for(workspace.pk), site().usd_per_credit
    replay = Replay(prices, usd_per_credit=face, now=now, terms=terms, change=change)
    events = past_events(
        workspace.pk,
        starts=days.starts,
        until=days.until,
        models=keys,
        where=asked.where,
        counting=replay.counting,
    )
    found = compare(events, replay, days=len(days.starts))
    return Answer(
        asked, days, site().usd_per_credit, prices.ref, modality="" if asked.of else prices.modality, models=found
    )


def _keys(rows: list[BreakdownRow], asked: Question, target: ModelPrices) -> list[tuple[str, str]]:
    """The (provider, model) that are compared, as events have them. Raises NotAnswered."""
    if asked.of:
        chosen = [row for row in rows if row.key == asked.of]
    else:  # with those that nobody knows: they are counted among what cannot be compared
        kinds = [(row, prices_for(row.key)) for row in rows]
        chosen = [row for row, used in kinds if used is None or used.modality == target.modality]
    if sum(row.requests for row in chosen) > MOST_REQUESTS:
        raise NotAnswered(
            f"More than {MOST_REQUESTS:,} requests are too many for this page. Choose fewer days, or one model."
        )
    return [_key(row.key) for row in chosen]


def _key(ref: str) -> tuple[str, str]:
    provider, _, model = ref.partition("/")
    return (provider, model) if model else ("", provider)


def _on_plan(workspace: Workspace, asked: Question) -> Answer:
    now = clock.now()
    version = next((each for each in plans_on_offer() if each.plan.key == asked.plan), None)
    if version is None:
        raise NotAnswered("This plan is not on offer. Choose one from the list.")
    days = span(workspace, asked.days, until=now)
    rows = breakdown(workspace, by="model", since=days.since, until=days.until)
    if sum(row.requests for row in rows) > MOST_REQUESTS:
        raise NotAnswered(f"More than {MOST_REQUESTS:,} requests are too many for this page. Choose fewer days.")
    months, month_of = calendar_months(days.dates)
    subscription = current_subscription(workspace.pk)
    current = subscription.version if subscription else None
    own = terms_for(workspace.pk)
    anew = has_of_plan(own) or takes_off(current) or takes_off(version)
    terms = [terms_on(each, own) if anew else own for each in (current, version)]
    yours = offer_of(
        current,
        subscription.credit_tier if subscription else None,
        interval=subscription.interval if subscription else "",
        as_charged=not anew,
    )
    offers = [yours, offer_of(version, as_charged=not anew)]
    found = replay_plans(
        past_events(workspace.pk, starts=days.starts, until=days.until, counting=_may_count(own, *terms)),
        [(offer, _Replays(each, now).get) for offer, each in zip(offers, terms, strict=True)],
        months=months,
        month_of=month_of,
        usd_per_credit=site().usd_per_credit,
    )
    name = current.plan.name if current else ""
    return Answer(asked, days, site().usd_per_credit, version.plan.name, name, plans=found)


def _may_count(*each: Terms) -> bool:
    """Whether prices may depend on what a month counts."""
    platform = prices_for("")
    return any(terms.schedules for terms in each) or (platform is not None and bool(platform.aggregated))


class _Replays:
    """The prices of every model that comes along, under the same terms and counts."""

    def __init__(self, terms: Terms, now: datetime) -> None:
        self._terms = terms
        self._now = now
        self._counts = Counts()
        self._known: dict[tuple[str, str], Replay | None] = {}

    def get(self, provider: str, model: str) -> Replay | None:
        key = provider, model
        if key not in self._known:
            self._known[key] = self._made(f"{provider}/{model}" if model else "")
        return self._known[key]

    def _made(self, ref: str) -> Replay | None:
        prices = prices_for(ref)
        if prices is None:
            return None
        face = site().usd_per_credit
        return Replay(prices, usd_per_credit=face, now=self._now, terms=self._terms, counts=self._counts)


def offer_of(
    version: PlanVersion | None, tier: CreditTier | None = None, *, interval: str = "", as_charged: bool = True
) -> Offer:
    """A version with the credits and the price of a tier of it; a year's price counts as twelve equal months."""
    if version is None:
        return Offer("", "No plan", as_charged=as_charged)
    cents = cents_a_month(version, tier, interval) or Fraction(0)
    return Offer(
        key=version.plan.key,
        name=version.plan.name,
        price_usd=EXACT.divide(Decimal(cents.numerator), Decimal(100 * cents.denominator)),
        credits=credits_a_month(version, tier),
        rollover_months=version.rollover_months,
        rollover_cap=version.rollover_cap,
        unit_usd=version.credit_price,
        allowances={meter: Decimal(included) for meter, included in version.allowances.items()},
        as_charged=as_charged,
    )


def calendar_months(dates: list[date]) -> tuple[list[Month], list[int]]:
    """The calendar months of these days with the part of each that the days are, and which of them each day is in."""
    firsts = list(dict.fromkeys(day.replace(day=1) for day in dates))
    counts = [sum(day.replace(day=1) == first for day in dates) for first in firsts]
    months = [
        Month(f"{first:%B %Y}", Fraction(count, monthrange(first.year, first.month)[1]))
        for first, count in zip(firsts, counts, strict=True)
    ]
    return months, [firsts.index(day.replace(day=1)) for day in dates]
