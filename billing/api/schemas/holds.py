"""Documents of authorisation: holds and how well they fit."""

from typing import Annotated, Any, Literal

from pydantic import Field

from billing.api.schemas.base import DECIMAL_TEXT, Credits, Described, Instant, Nano, Number, PageQuery, Quantity
from billing.api.schemas.lists import Moment
from billing.api.schemas.usage import EstimateBody, HoldStatus, Line, State, UsageEvent, UsageRecorded

Basis = Annotated[
    Literal["given", "history", "default", "worst_case", "max_credits"],
    Field(
        description="What it was sized by: the usage given, recent requests of this workspace, the longest answer"
        " possible, or `max_credits`."
    ),
]
Seconds = Annotated[
    Any,
    Field(
        json_schema_extra={
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 86_400},
                DECIMAL_TEXT,
            ]
        },
        description="Seconds from now until the hold expires, 1 to 86,400.",
    ),
]


class AuthorizeBody(EstimateBody):
    """What is about to be asked, as for an estimate. Without usage, text and `max_credits` the hold is sized by the
    workspace's recent requests to that model for that task.
    """

    max_credits: Quantity | None = Field(None, description="Hold exactly so many credits.")
    expires_in: Seconds = 900
    agent: str | None = Field(None, max_length=120)
    app: str | None = Field(None, max_length=120)


class Authorized(Described):
    hold: str = Field(description="The hold's id: settle it with what was used, or release it.")
    credits: Credits = Field(description="Held for the request; what it does not use is free again.")
    credits_nano: Nano
    overdraft: Credits = Field(description="Part of it that the balance does not cover, within the plan's overdraft.")
    overdraft_nano: Nano
    expires_at: Instant
    balance: Credits
    balance_nano: Nano
    held: Credits
    held_nano: Nano
    state: State
    basis: Basis
    note: str = Field(description="What was assumed, in words.")
    lines: list[Line] = Field(description="The quantities expected and what they cost; empty with `max_credits`.")


class HoldDocument(Described):
    hold: str
    status: HoldStatus
    origin: Literal["workspace", "service", "voice"] = Field(
        description="The class of key that placed it and may resolve it; `voice`: the portal, for a voice being cloned."
    )
    credits: Credits
    credits_nano: Nano
    overdraft: Credits
    overdraft_nano: Nano
    created_at: Instant
    expires_at: Instant
    resolved_at: Instant | None
    model: str
    project: str | None
    agent: str | None
    app: str | None
    task: str | None
    basis: Basis
    usage: dict[str, Number] = Field(description="The quantities that were expected; empty with `max_credits` alone.")
    event_id: str | None = Field(description="The usage that it was for, once that is recorded.")
    charged: Credits | None = Field(description="What that usage cost.")
    charged_nano: Nano | None


class HoldsQuery(PageQuery):
    status: Annotated[
        Literal["open", "settled", "released", "expired", "all"], Field(description="Only holds of this status.")
    ] = "open"


class Holds(Described):
    data: list[HoldDocument] = Field(description="Newest first.")
    next_cursor: str | None


class SettleBody(UsageEvent):
    """What the request used, as for recording it. What is left out is taken from the hold: model and variant, project,
    agent, app, task, and the hold's own id as `event_id`.
    """

    event_id: str | None = Field(None, min_length=1, max_length=200)  # type: ignore[assignment]


class Settled(UsageRecorded):
    hold: str
    hold_status: Literal["settled", "expired"] = Field(
        description="Whether the hold paid, or had expired, so that the balance was charged."
    )


class ExtendBody(Described):
    expires_in: Seconds


class HoldChanged(Described):
    hold: str
    status: HoldStatus
    credits: Credits
    credits_nano: Nano
    expires_at: Instant | None = Field(description="Null once it is released.")
    balance: Credits
    balance_nano: Nano
    held: Credits
    held_nano: Nano


class AccuracyQuery(Described):
    by: Literal["model", "task", "basis"] = "model"
    from_: Moment | None = Field(None, alias="from", description="Placed not before; default 30 days ago.")


class Accuracy(Described):
    key: str
    holds: int
    settled: int
    released: int
    expired: int = Field(description="Expired and never charged.")
    open: int
    covered: int = Field(description="Settled for no more than was held.")
    covered_percent: Number | None
    median_percent: Number | None = Field(description="Charge ÷ hold × 100 of the middle one.")
    p95_percent: Number | None


class Accuracies(Described):
    from_: Instant = Field(alias="from")
    by: Literal["model", "task", "basis"]
    total: Accuracy
    data: list[Accuracy]
