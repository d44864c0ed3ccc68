"""What an estimate rests on: the prices of today, the plans on offer, and a workspace's own averages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import credits
from billing.foundation.cache import TimedCache
from billing.foundation.site.selectors import site
from billing.insights.estimator.agents import Step
from billing.insights.estimator.engine import Rates
from billing.insights.estimator.offers import Offer
from billing.metering.selectors.breakdown import breakdown
from billing.plans.models import CreditTier, PlanVersion
from billing.plans.selectors import current_subscription, plans_on_offer
from billing.pricing.book import prices_for
from billing.pricing.tariff import HUNDRED
from billing.pricing.terms import terms_for

RECENT = timedelta(days=30)
LOOKED_AT = 8  # of the models that most is spent on


def rates_for(steps: Iterable[Step], workspace: Workspace | None = None) -> Rates:
    """The prices in force of every model of `steps`: the workspace's own, or everybody's."""
    refs = {"", *(step.model for step in steps)}
    book = {ref: prices_for(ref) for ref in refs}
    return Rates(book, clock.now(), site().usd_per_credit, terms_for(workspace.pk if workspace else None))


def offers(workspace: Workspace | None) -> list[Offer]:
    """Plans that can be chosen, and the workspace's own, whichever version of it that is."""
    subscription = current_subscription(workspace.pk) if workspace else None
    own = (subscription.version_id, subscription.credit_tier_id) if subscription else None
    found = [
        _offer(version, tier, yours=own == (version.pk, tier.pk if tier else None))
        for version in plans_on_offer()
        for tier in (None, *version.credit_tiers.all())
    ]
    if subscription is not None and not any(offer.yours for offer in found):
        found.append(_offer(subscription.version, subscription.credit_tier, yours=True, offered=False))
    return found


@dataclass(frozen=True)
class Average:
    """What a request to the model was like in the last 30 days."""

    model: str
    modality: str
    requests: int
    input: int  # tokens per request, rounded up
    output: int
    cached: Decimal  # percent of the input tokens


def averages(workspace: Workspace) -> list[Average]:
    """Of the models that most was spent on, at most a minute old."""
    return _averages.get(workspace.pk)


def _load_averages(workspace_id: int) -> list[Average]:
    workspace, now = Workspace.objects.get(pk=workspace_id), clock.now()
    until = now + timedelta(hours=1)
    rows = breakdown(workspace, by="model", since=now - RECENT, until=until)
    found = []
    for row in rows[:LOOKED_AT]:
        prices = prices_for(row.key) if "/" in row.key else None
        if prices is None:
            continue
        meters = breakdown(workspace, by="meter", since=now - RECENT, until=until, where={"model": row.key})
        requests = sum(meter.requests for meter in meters)
        if requests > 0:
            quantities = {meter.key: meter.quantity for meter in meters}
            found.append(_average(prices.ref, prices.modality, requests, quantities))
    return found


def start(own: Iterable[Average]) -> dict[str, str]:
    """The inputs that a workspace's own averages stand for."""
    first: dict[str, Average] = {}
    for average in own:
        first.setdefault(average.modality, average)
    inputs: dict[str, str] = {}
    if (talk := first.get("text")) and talk.input:
        inputs |= talking(talk) | {f"call_{name}": value for name, value in talking(talk).items()}
    if voice := first.get("speech"):
        inputs["voice"] = voice.model
    if transcriber := first.get("transcription"):
        inputs["transcriber"] = transcriber.model
    return inputs


def talking(average: Average) -> dict[str, str]:
    """The inputs that a chat model's average stands for."""
    return {
        "model": average.model,
        "input": str(average.input),
        "output": str(average.output),
        "cached": f"{average.cached:f}",
    }


def _average(ref: str, modality: str, requests: int, quantities: Mapping[str, Decimal]) -> Average:
    into, cached = (quantities.get(meter, Decimal(0)) for meter in ("input_tokens", "cached_input_tokens"))
    return Average(
        model=ref,
        modality=modality,
        requests=requests,
        input=_each(into, requests),
        output=_each(quantities.get("output_tokens", Decimal(0)), requests),
        cached=min(cached * HUNDRED / into, HUNDRED).quantize(Decimal(1)) if into else Decimal(0),
    )


def _each(quantity: Decimal, requests: int) -> int:
    return int((quantity / requests).to_integral_value(ROUND_CEILING))


def _offer(version: PlanVersion, tier: CreditTier | None, *, yours: bool, offered: bool = True) -> Offer:
    """A version with its own credits and price, or with those of one of its tiers; paid by the month."""
    sold: PlanVersion | CreditTier = tier or version
    more = credits(sold.monthly_credits)
    return Offer(
        key=version.plan.key,
        name=version.plan.name if tier is None else f"{version.plan.name}, {more:,f}",
        price_usd=Decimal(sold.monthly_price_cents) / HUNDRED,
        credits=more,
        allowances={meter: Decimal(quantity) for meter, quantity in version.allowances.items()},
        request_limits={meter: Decimal(most) for meter, most in version.request_limits.items()},
        qualities=tuple(quality.lower() for quality in version.qualities),
        concurrency=version.concurrency,
        intended_for=version.intended_for,
        unit_usd=version.credit_price,
        yours=yours,
        offered=offered,
    )


_averages: TimedCache[int, list[Average]] = TimedCache(_load_averages, seconds=60)
