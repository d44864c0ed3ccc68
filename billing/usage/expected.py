"""What to expect of a request that leaves it open: the usual for an estimate, nearly the most for a hold."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from billing.foundation.cache import TimedCache
from billing.metering.errors import EventRejected
from billing.plans.limits import PlanLimits
from billing.pricing.models import CatalogModel
from billing.pricing.tariff import ModelPrices
from billing.usage.history import LATEST, PERCENT, Recent, Requests, recent, recent_answers, usual_output
from billing.usage.sizing import FEWEST_BYTES_PER_TOKEN, Answer, Sized, sized
from billing.usage.wanted import HoldWanted, Wanted

USUAL_OUTPUT = 500  # tokens, where the workspace has no history with the model
ENOUGH = 20  # recent requests that a hold can be sized from
LONGEST_OUTPUT = 131_072  # tokens; models answer with no more, whatever their context window


def estimate_size(wanted: Wanted, prices: ModelPrices, *, workspace_id: int, now: datetime) -> Sized:
    """The quantities of an estimate. `basis` is given, history or default. Raises EventRejected."""

    def answer(_input: Decimal) -> Answer:
        """The longest that was asked for, else what this workspace usually gets, else a default."""
        if wanted.max_output_tokens is not None:
            return Answer(wanted.max_output_tokens, "default", "The longest answer asked for is assumed.")
        usual = usual_output(workspace_id, provider=prices.provider, model=prices.model, now=now)
        if usual is not None:
            return Answer(usual, "history", "The answer is taken as long as this workspace's answers usually are.")
        return Answer(Decimal(USUAL_OUTPUT), "default", f"An answer of {USUAL_OUTPUT} tokens is assumed.")

    return sized(wanted, prices, at=now, answer=answer)


def hold_size(asked: HoldWanted, prices: ModelPrices, *, workspace_id: int, limits: PlanLimits, now: datetime) -> Sized:
    """The quantities to hold credits for. `basis` is given, history, worst_case, default or max_credits.

    Raises EventRejected, also where neither the request nor enough of recent ones tell what to expect.
    """
    wanted = asked.wanted

    def answer(tokens: Decimal) -> Answer:
        return _nearly_longest(wanted, prices, tokens, workspace_id, limits)

    if wanted.usage or wanted.text is not None:
        size = sized(wanted, prices, at=now, answer=answer, bytes_per_token=FEWEST_BYTES_PER_TOKEN)
    elif asked.max_nano is None:
        size = _like_recent(wanted, prices, workspace_id)
    else:
        size = Sized({}, "max_credits")
    if asked.max_nano is None:
        return size
    return replace(size, basis="max_credits", note="As many credits are held as max_credits says.")


def _nearly_longest(
    wanted: Wanted, prices: ModelPrices, tokens: Decimal, workspace_id: int, limits: PlanLimits
) -> Answer:
    """As long as 95 of 100 recent answers at most; with too few of them, as long as an answer can be."""
    longest = wanted.max_output_tokens
    allowed = limits.request_limits.get("output_tokens")
    past = recent_answers(_requests(wanted, prices, workspace_id))
    if past.requests >= ENOUGH:
        expected = past.tokens if longest is None else min(past.tokens, longest)
        note = f"The answer is taken as long as {_most_of(past.requests, wanted)} were at most."
        return Answer(expected if allowed is None else min(expected, allowed), "history", note)
    if longest is not None:
        return Answer(longest, "worst_case", "The longest answer asked for is assumed.")
    window = _context_window(prices)
    most = Decimal(LONGEST_OUTPUT) if window is None else min(Decimal(LONGEST_OUTPUT), max(window - tokens, Decimal(1)))
    if allowed is not None:
        most = min(most, allowed)
    note = f"An answer of {most:,} tokens is assumed: too few past ones tell more. max_output_tokens makes it less."
    return Answer(most, "worst_case", note)


def _like_recent(wanted: Wanted, prices: ModelPrices, workspace_id: int) -> Sized:
    """Like the request that is dearer than 95 of 100 recent ones."""
    past = recent(_requests(wanted, prices, workspace_id)) if prices.model else Recent()
    if past.requests < ENOUGH:
        detail = (
            f"There are {past.requests} recent requests like this one; {ENOUGH} are needed to tell what it will cost."
            " Give usage, text or max_credits."
        )
        raise EventRejected("invalid_request", detail, "/usage")
    usage = dict(past.usage)
    if wanted.max_output_tokens is not None and "output_tokens" in usage:
        usage["output_tokens"] = min(usage["output_tokens"], wanted.max_output_tokens)
    return Sized(usage, "history", f"Sized as {_most_of(past.requests, wanted)} cost at most.")


def _most_of(requests: int, wanted: Wanted) -> str:
    what = f" for the task “{wanted.task}”" if wanted.task else ""
    count = f"the last {requests} requests" if requests < LATEST else f"the latest {LATEST} requests"
    return f"{PERCENT}% of {count} of this workspace to {wanted.model}{what}"


def _requests(wanted: Wanted, prices: ModelPrices, workspace_id: int) -> Requests:
    return Requests(workspace_id, prices.provider, prices.model, wanted.task)


def _context_window(prices: ModelPrices) -> Decimal | None:
    return _windows.get((prices.provider, prices.model))


def _read_window(key: tuple[str, str]) -> Decimal | None:
    provider, model = key
    found = CatalogModel.objects.filter(provider=provider, model=model).values_list("context_window", flat=True).first()
    return None if found is None else Decimal(found)


_windows: TimedCache[tuple[str, str], Decimal | None] = TimedCache(_read_window, seconds=300)
