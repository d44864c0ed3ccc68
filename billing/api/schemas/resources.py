"""Documents of the infrastructure that the operator's backend runs for a workspace."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from billing.api.schemas.base import DECIMAL_TEXT, Credits, Described, Instant, Nano, Number, PageQuery

Kind = Literal["container", "storage", "deployment"]
State = Literal["running", "warned", "stopping", "done", "deleted"]
STATES = (
    "`running`; `warned`: the balance covers less than 48 hours, at `shutdown_at` it is to be shut down; `stopping`:"
    " shut it down; `done`: a deployment, which was billed once; `deleted`."
)


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain NUL")
    value.encode()  # half a surrogate pair cannot be stored
    return value


Label = Annotated[str, AfterValidator(_text), Field(max_length=120)]
Day = Annotated[date, WithJsonSchema({"type": "string", "format": "date"})]
SomeQuantity = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 10**12}, DECIMAL_TEXT],
            "description": "Above 0, at most 9 decimals: containers, GB, deployments.",
        }
    ),
]


class ResourceBody(Described):
    """A resource as it is to be, whole: what is left out is as its default says."""

    kind: Kind = Field(description="Container and storage (GB) are billed for every day, a deployment once.")
    quantity: SomeQuantity = 1
    name: Label = Field("", description="What the customer reads.")
    project: Label = Field("", description="Name or slug of the project that it counts in. A key's own project wins.")


class ResourceDocument(Described):
    external_id: str
    kind: Kind
    name: str
    project: str
    quantity: Number
    meter: str = Field(description="What it is billed by.")
    state: State = Field(description=STATES)
    shutdown_at: Instant | None = Field(description="While it is warned or stopping.")
    daily_credits: Credits | None = Field(description="What a day costs at present; null where no day is billed.")
    daily_credits_nano: Nano | None
    billed_until: Day | None = Field(description="The last day (UTC) that is billed.")
    created_at: Instant
    deleted_at: Instant | None


class Running(Described):
    """All that runs."""

    state: Literal["running", "warned", "stopping"]
    daily_credits: Credits = Field(description="What a day costs at present, before what the plan includes.")
    daily_credits_nano: Nano
    lasts_until: Instant | None = Field(
        description="When the first day begins that the balance does not pay for; null where it lasts for years."
    )
    warned_at: Instant | None
    shutdown_at: Instant | None
    stopping_at: Instant | None


class Resources(Described):
    running: Running
    data: list[ResourceDocument] = Field(description="Latest first.")
    next_cursor: str | None


class ResourcesQuery(PageQuery):
    state: Annotated[State, Field(description="All that were not deleted, if left out.")] | None = None
