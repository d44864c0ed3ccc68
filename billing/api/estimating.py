"""Answers of the estimate endpoint."""

from typing import Any

from accounts.models import ApiKey
from billing.api.calls import Call
from billing.api.present import amount, budget, concurrency, line
from billing.api.recording import source_of
from billing.api.refusals import problems
from billing.usage.estimate import ANYBODY, Estimate, estimate


def estimated(*, call: Call, key: ApiKey, raw: object) -> dict[str, Any]:
    """What the request in `raw`, made with `key`, would cost. Raises Problem 400, 402 or 422."""
    return document(found(call=call, key=key, raw=raw))


def found(*, call: Call, key: ApiKey | None, raw: object) -> Estimate:
    """The estimate itself, counted for the call; without a key as for anybody in the workspace. Raises as above."""
    with problems():
        found = estimate(workspace=call.workspace, raw=raw, source=source_of(key) if key else ANYBODY)
    call.count(input_tokens=found.input_tokens, output_seconds=found.audio_seconds, total_tokens=found.total_tokens)
    return found


def document(found: Estimate) -> dict[str, Any]:
    return {
        "estimated_input_tokens": found.input_tokens,
        "estimated_audio_seconds": found.audio_seconds,
        "estimated_total_tokens": found.total_tokens,
        **amount("estimated_credits", found.nano),
        "estimated_cost_usd": found.cost_usd,
        **amount("balance", found.balance.available),
        **amount("balance_after_request", found.balance_after),
        "sufficient": found.sufficient,
        "concurrency": concurrency(found.concurrency, found.running),
        "budget": None if found.budget is None else budget(found.budget),
        "basis": found.basis,
        "note": found.note,
        "lines": [line(item) for item in found.lines],
    }
