"""The calls worth knowing, and what to do when one is refused. What a call does is read from the served document."""

from collections.abc import Iterator
from dataclasses import dataclass

from accounts.scopes import Scope
from billing.api.openapi import document
from billing.api.problems import CODES

CALLS = (
    *("usage_estimate", "usage_authorize", "usage_hold_settle", "usage_hold_release", "usage_record"),
    *("usage_record_batch", "usage_events", "usage_receipt", "usage_breakdown", "credits_summary", "credits_lots"),
    "pricing_models",
)
WHAT_TO_DO = {
    "invalid_request": "Read `errors`: it names the field. Sending the same again will not help.",
    "invalid_api_key": "Check that the whole key is sent, and on the API-keys page that it still works.",
    "insufficient_credits": "`missing` says how many credits to add. Or ask for a shorter answer, or a smaller model.",
    "budget_exceeded": "Wait until the budget’s day or month is over, or have it raised on the budgets page.",
    "workspace_suspended": "The operator suspended the workspace: ask the team that runs the portal.",
    "insufficient_scope": "Use a key with the scope that `detail` names; scopes of a key do not change.",
    "idempotency_conflict": "The id was used for something else. Give each request an id of its own.",
    "request_over_limit": "The plan allows smaller requests: split it.",
    "unknown_model": "Look the name up under Models & pricing: `provider/model`.",
    "concurrency_exceeded": "Settle or release holds as requests end; send the same after `Retry-After` seconds.",
    "rate_limited": "Wait as many seconds as `Retry-After` says, then send the same again.",
    "unavailable": "Send the same again after `Retry-After` seconds: with the same ids it counts once.",
}


@dataclass(frozen=True)
class WorthKnowing:
    anchor: str  # on the reference's page
    method: str
    path: str
    summary: str
    scope: Scope


@dataclass(frozen=True)
class Refusal:
    code: str
    status: int
    meaning: str
    what_to_do: str


def calls() -> list[WorthKnowing]:
    known = {operation.anchor: operation for operation in _operations()}
    return [known[name.replace("_", "-")] for name in CALLS]


def _operations() -> Iterator[WorthKnowing]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            scope = next((scope for scope in Scope if f"Scope: `{scope}`" in operation.get("description", "")), None)
            if scope is not None:
                anchor = operation["operationId"].replace("_", "-")
                yield WorthKnowing(anchor, method.upper(), path, operation["summary"], scope)


def refusals() -> list[Refusal]:
    return [Refusal(name, CODES[name].status, CODES[name].meaning, text) for name, text in WHAT_TO_DO.items()]
