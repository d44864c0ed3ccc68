"""What a request would cost, and whether it may be made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import AmountOutOfRange, credits
from billing.foundation.site.selectors import site
from billing.ledger import selectors as ledger
from billing.ledger.session import read
from billing.metering.counters import counts, present
from billing.metering.events import Source
from billing.metering.rated import cost_usd
from billing.metering.receipts import ReceiptLine, UsageTotals
from billing.metering.selectors.included import allowances
from billing.metering.split import largest_remainder
from billing.plans.limits import limits_for
from billing.pricing.agreed import NO_TERMS, Terms
from billing.pricing.book import prices_for
from billing.pricing.rating import NOTHING_COUNTED, Rating, rate
from billing.pricing.tariff import ModelPrices
from billing.pricing.terms import terms_for
from billing.usage.budgets.holding import budgets_for, exceeded, named, note_refusal
from billing.usage.budgets.pace import pause_of, refuse_paused
from billing.usage.budgets.rules import rules_at
from billing.usage.errors import OutOfCredits, Standing, UsageRefused
from billing.usage.expected import estimate_size
from billing.usage.limits import check_limits, requests_running
from billing.usage.sizing import Sized, audio_seconds
from billing.usage.wanted import Wanted, parse_wanted
from billing.usage.words import in_credits

ANYBODY = Source("")


@dataclass(frozen=True)
class Estimate:
    """Amounts are nano-credits, rounded up. `balance_after` is negative where the balance does not cover it."""

    nano: int
    cost_usd: Decimal
    input_tokens: Decimal
    audio_seconds: Decimal
    total_tokens: Decimal
    lines: tuple[ReceiptLine, ...]
    basis: str  # given, history, default
    note: str  # what was assumed, in words
    balance: ledger.Balance
    balance_after: int
    sufficient: bool  # for the balance, and for every budget that stops requests
    concurrency: int | None  # requests that may run at the same time
    running: int  # so many do; 0 where there is no limit
    budget: Standing | None  # of those that stop requests, the one that has least left


def estimate(*, workspace: Workspace, raw: object, source: Source = ANYBODY, now: datetime | None = None) -> Estimate:
    """Estimate the request in `raw` (parsed JSON), made with the key of `source`.

    A request that the balance or a budget does not cover is answered with `sufficient` False; once nothing is left to
    authorise, what costs anything is refused. Raises EventRejected (malformed), UsageRefused (unknown_model,
    unknown_meter, request_over_limit, quality_not_in_plan, amount_out_of_range), OutOfCredits, BudgetExceeded, and
    KeyPaused.
    """
    return estimated(workspace=workspace, wanted=parse_wanted(raw), source=source, now=now)


def estimated(
    *, workspace: Workspace, wanted: Wanted, source: Source = ANYBODY, now: datetime | None = None
) -> Estimate:
    """The same for a request that is parsed already."""
    now = now or clock.now()
    prices = known_prices(wanted)
    size = estimate_size(wanted, prices, workspace_id=workspace.pk, now=now)
    limits = limits_for(workspace.pk)
    check_limits(workspace.pk, limits, usage=size.asked, variant=wanted.variant, prices=prices)
    left, face_value = _left(workspace.pk, now), site().usd_per_credit
    terms = terms_for(workspace.pk)
    counted = present(workspace.pk, now) if counts(terms, prices, size.usage) else NOTHING_COUNTED
    rating = rated(
        size, wanted, prices, at=now, allowances=left, usd_per_credit=face_value, terms=terms, counted=counted
    )
    balance = ledger.balance(workspace.pk, now)
    if rating.nano and balance.headroom <= 0:
        raise OutOfCredits(_out_of(rating.nano, balance), needed=rating.nano, headroom=balance.headroom)
    budget = _budget(workspace.pk, wanted, source, balance)
    if rating.nano and budget is not None and budget.left <= 0:
        refused = exceeded(budget, needed=rating.nano)
        note_refusal(refused, now)
        raise refused
    totals = UsageTotals.of(size.usage)
    most = limits.concurrency
    return Estimate(
        nano=rating.nano,
        cost_usd=cost_usd(rating.nano, face_value),
        input_tokens=totals.input_tokens,
        audio_seconds=audio_seconds(size.usage),
        total_tokens=totals.total_tokens,
        lines=priced_lines(rating),
        basis=size.basis,
        note=size.note,
        balance=balance,
        balance_after=balance.available - rating.nano,
        sufficient=rating.nano <= max(balance.headroom, 0) and (budget is None or rating.nano <= budget.left),
        concurrency=most,
        running=0 if most is None else requests_running(workspace.pk, now),
        budget=budget,
    )


def known_prices(wanted: Wanted) -> ModelPrices:
    """The prices of the model that `wanted` names. Raises UsageRefused (unknown_model)."""
    prices = prices_for(wanted.model)
    if prices is None:
        detail = f"No price is known for the model “{wanted.model}”, so it cannot be estimated."
        raise UsageRefused("unknown_model", detail, "/model")
    return prices


def rated(
    size: Sized,
    wanted: Wanted,
    prices: ModelPrices,
    *,
    at: datetime,
    allowances: Mapping[str, Decimal],
    usd_per_credit: Decimal,
    terms: Terms = NO_TERMS,
    counted: Mapping[str, Decimal] = NOTHING_COUNTED,
) -> Rating:
    """The price of `size`, rounded up; `allowances` are the quantities still included, by meter, and `counted` what the
    month has counted so far. Nothing is counted by it.

    Raises UsageRefused: unknown_model, unknown_meter, amount_out_of_range.
    """
    try:
        rating = rate(
            prices,
            usage=size.usage,
            variant=wanted.variant,
            at=at,
            allowances=allowances,
            usd_per_credit=usd_per_credit,
            round_up=True,
            terms=terms,
            counted=counted,
        )
    except AmountOutOfRange:
        raise UsageRefused("amount_out_of_range", "A charge this large does not fit the ledger.", "/usage") from None
    if rating.problem:
        raise UsageRefused(rating.problem, rating.detail, "/usage" if rating.problem == "unknown_meter" else "/model")
    return rating


def priced_lines(rating: Rating) -> tuple[ReceiptLine, ...]:
    """The lines of a rating; their amounts add up to it."""
    shares = largest_remainder(rating.nano, [line.credits for line in rating.lines])
    return tuple(ReceiptLine.rated(line, share) for line, share in zip(rating.lines, shares, strict=True))


def _left(workspace_id: int, now: datetime) -> Mapping[str, Decimal]:
    left: dict[str, Decimal] = {}
    for included in allowances(workspace_id, now):
        left[included.meter] = left.get(included.meter, Decimal(0)) + included.left
    return left


def _budget(workspace_id: int, wanted: Wanted, source: Source, balance: ledger.Balance) -> Standing | None:
    """The budget with least left of those that stop this request. Raises KeyPaused."""
    refuse_paused(read(*pause_of(source)))
    rules = rules_at(workspace_id, balance.budget_revision)
    found = budgets_for(rules, source, workspace_id=workspace_id, project=wanted.project, at=balance.as_of).nearest
    return None if found is None else named([found])[0]


def _out_of(needed: int, balance: ledger.Balance) -> str:
    owed = f" and {credits(balance.debt):f} are owed" if balance.debt else ""
    return (
        f"This request needs {in_credits(needed)}; {credits(balance.available):f} are available{owed}."
        " It was not started and nothing was charged. Add credits to continue."
    )
