"""Documents of the usage endpoints."""

from typing import Any, Literal

from pydantic import ConfigDict, Field, RootModel

from billing.api.schemas.base import (
    QUANTITY,
    BudgetStanding,
    Concurrency,
    Credits,
    Described,
    Instant,
    Nano,
    Number,
    Quantity,
)
from billing.pricing.normalise import OWN

State = Literal["healthy", "low", "stopped"]
IssueCode = Literal[
    "invalid_request",
    "idempotency_conflict",
    "hold_resolved",
    "not_found",
    "unknown_model",
    "unknown_meter",
    "amount_out_of_range",
]
HoldStatus = Literal["open", "settled", "released", "expired"]


class Usage(RootModel[dict[str, Any]]):
    """Quantities by meter: those named in the pattern, and those that the operator added. Or a provider's usage object
    as it is.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "minProperties": 1,
            "maxProperties": 200,
            "patternProperties": {f"^({'|'.join(sorted(OWN))})$": {"anyOf": [*QUANTITY["anyOf"], {"type": "null"}]}},
        }
    )


class UsageEvent(Described):
    """One completed request. Refused only when malformed, or when its id was used with another body."""

    event_id: str = Field(min_length=1, max_length=200, description="Your id of it: the same id is charged once.")
    model: str | None = Field(
        None, max_length=200, description="`provider/model` or an alias; leave it out for the platform's own meters."
    )
    usage: Usage = Field(
        description="Quantities by meter, such as `input_tokens`, `output_tokens`, `images`; or a provider's usage"
        " object as it is, best with `usage_format`."
    )
    usage_format: Literal["openai", "anthropic", "gemini"] | None = None
    variant: dict[str, str | bool | int | None] | None = Field(
        None, max_length=10, description="Variants of the price: `quality`, `resolution`, `audio`, `tier`, `batch`."
    )
    occurred_at: Instant | None = Field(None, description="When it happened; default now.")
    hold: str | None = Field(None, max_length=40, description="The hold it was authorised by, which it settles.")
    project: str | None = Field(None, max_length=120)
    agent: str | None = Field(None, max_length=120)
    app: str | None = Field(None, max_length=120)
    task: str | None = Field(None, max_length=120)
    end_user: str | None = Field(None, max_length=200)
    metadata: dict[str, Any] | None = Field(None, description="Any JSON object of at most 8,000 characters.")


class BatchEvent(UsageEvent):
    workspace: str | None = Field(
        None, max_length=120, description="Service keys only: the event's workspace, by id or external id."
    )


class UsageBatch(Described):
    events: list[BatchEvent] = Field(min_length=1, max_length=1000)


class EstimateBody(Described):
    """What is about to be asked: quantities, or a text and the longest answer wanted."""

    model: str | None = Field(None, max_length=200)
    usage: Usage | None = None
    usage_format: Literal["openai", "anthropic", "gemini"] | None = None
    variant: dict[str, str | bool | int | None] | None = Field(None, max_length=10)
    text: str | None = Field(
        None,
        description="In place of `usage`. Characters where the model bills those; else an estimate takes 4 bytes of it"
        " in UTF-8 for a token, a hold 3.",
    )
    max_output_tokens: Quantity | None = None
    project: str | None = Field(None, max_length=120)
    task: str | None = Field(None, max_length=120)


class Tier(Described):
    """The step of a meter's monthly tiers that a line was priced at."""

    schedule: int = Field(description="Which tiers: the id the operator sees.")
    from_: Number = Field(alias="from", description="The month's quantity at which the step begins; 0 below the first.")
    off_percent: Number = Field(
        description="Taken off the price otherwise due; 0 where the step has a price of its own."
    )


class Line(Described):
    meter: str
    quantity: Number
    price_usd: Number = Field(description="USD per `per` units: as published, or as agreed, or the tier's own.")
    per: int
    markup_percent: Number
    agreed_price: int | None = Field(
        None, description="Only where the workspace has agreed on a price or a markup of its own: its id."
    )
    discount_percent: Number | None = Field(None, description="Only with a discount: percent off the marked-up price.")
    tier: Tier | None = Field(None, description="Only where the price depends on the month's quantity.")
    from_allowance: Number = Field(description="Part of the quantity that an included allowance covered.")
    credits: Credits


class UsageTotals(Described):
    input_tokens: Number
    output_audio_seconds: Number
    total_tokens: Number = Field(description="The raw count.")
    billable_tokens: Credits = Field(description="What was charged, in the portal's own unit.")
    remaining_balance: Credits = Field(description="What can be spent now, in the portal's own unit.")


class UsageRecorded(Described):
    event_id: str
    credits: Credits
    credits_nano: Nano
    cost_usd: Number
    usage: UsageTotals
    balance: Credits
    balance_nano: Nano
    held: Credits
    held_nano: Nano
    debt: Credits
    debt_nano: Nano
    state: State
    lines: list[Line]
    late: bool = Field(description="Older than the operator's window, so booked today.")
    unrated: Literal["", "unknown_model", "unknown_meter"] = Field(
        description="Why nothing was charged: the operator sees it and what is missing. Empty for priced usage."
    )
    hold_status: Literal["settled", "expired"] | None = Field(
        None, description="Only with a hold: whether it paid, or had expired, so that the balance was charged."
    )


class Issue(Described):
    index: int
    event_id: str | None
    code: IssueCode
    detail: str
    pointer: str | None = None


class WorkspaceShare(Described):
    workspace: str
    accepted: int
    duplicates: int
    credits: Credits
    credits_nano: Nano
    balance: Credits
    balance_nano: Nano


class BatchRecorded(Described):
    accepted: int = Field(description="Events recorded now, unrated ones among them.")
    duplicates: int = Field(description="Events that were recorded before with the same content.")
    unrated: list[Issue]
    rejected: list[Issue]
    credits: Credits
    credits_nano: Nano
    balance: Credits | None = Field(description="Null when the events belong to several workspaces.")
    balance_nano: Nano | None
    workspaces: list[WorkspaceShare] = Field([], description="Only when events belong to several workspaces.")


class Estimated(Described):
    estimated_input_tokens: Number
    estimated_audio_seconds: Number
    estimated_total_tokens: Number
    estimated_credits: Credits
    estimated_credits_nano: Nano
    estimated_cost_usd: Number
    balance: Credits
    balance_nano: Nano
    balance_after_request: Credits
    balance_after_request_nano: Nano
    sufficient: bool = Field(description="Whether balance and budgets cover it.")
    concurrency: Concurrency | None = Field(
        description="Requests running now and at most; with all of them running, authorising is 429. Null: no limit."
    )
    budget: BudgetStanding | None = Field(
        description="Of the budgets that stop requests like this one, the one with least left."
    )
    basis: Literal["given", "tokenizer", "history", "default"]
    note: str = Field(description="What was assumed, in words.")
    lines: list[Line]
