"""Types of the described documents. They describe and, for queries, read; answers are written by routes."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema


class Described(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


# Exact: at most 9 decimals for credits, as published for prices. Written without exponent.
Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]
Credits = Annotated[Decimal, WithJsonSchema({"type": "number", "description": "Credits, exact, at most 9 decimals."})]
Nano = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": "^-?[0-9]+$", "description": "The same in nano-credits (10⁻⁹)."})
]
Instant = Annotated[datetime, WithJsonSchema({"type": "string", "format": "date-time"})]
# A number written as a text, in every place that takes a number.
DECIMAL_TEXT = {
    "type": "string",
    "pattern": r"^[+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,9})?$",
    "maxLength": 40,
}
QUANTITY: dict[str, Any] = {
    "anyOf": [{"type": "number", "minimum": 0, "maximum": 10**12}, DECIMAL_TEXT],
    "description": "A number or a decimal string: finite, 0 to 10¹², at most 9 decimals.",
}
Quantity = Annotated[Any, WithJsonSchema(QUANTITY)]


def _whole(value: Any) -> Any:
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise ValueError("must be a whole number")
    return value


def _plain(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain NUL")
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
Clean = Annotated[str, BeforeValidator(_plain)]
Text = Annotated[Clean, Field(max_length=200)]


class ErrorPlace(Described):
    detail: str
    pointer: str | None = Field(None, description="JSON pointer into the body.")
    parameter: str | None = Field(None, description="Name of the query parameter or header.")


class BudgetStanding(Described):
    level: Literal["workspace", "project", "key", "member"]
    name: str | None = Field(description="Of the project, key or member; null for the whole workspace.")
    period: Literal["day", "month"] = Field(description="In the workspace's time zone.")
    limit: Credits
    limit_nano: Nano
    spent: Credits
    spent_nano: Nano
    held: Credits = Field(description="Of open holds.")
    held_nano: Nano
    left: Credits
    left_nano: Nano
    resets_at: Instant


class Concurrency(Described):
    limit: int = Field(description="Holds that may be open at the same time, add-ons included.")
    open: int = Field(description="That are.")


class ProblemDocument(Described):
    """RFC 9457. `code` is stable; the texts are for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ErrorPlace] = []
    needed: Credits | None = Field(
        None, description="`insufficient_credits`, `budget_exceeded`: what the request needs."
    )
    needed_nano: Nano | None = None
    available: Credits | None = Field(None, description="`insufficient_credits`: what can be authorised at present.")
    available_nano: Nano | None = None
    missing: Credits | None = Field(
        None, description="`insufficient_credits`: what to add for it to go through, debt to be repaid included."
    )
    missing_nano: Nano | None = None
    budget: BudgetStanding | None = Field(None, description="`budget_exceeded`: the budget that has too little left.")
    paused_at: Instant | None = Field(None, description="`budget_exceeded`: since when the key is paused, if it is.")
    limited_by: Literal["key", "workspace"] | None = Field(
        None, description="`rate_limited`: the key's own limit, or that of all keys of its workspace together."
    )
    concurrency: Concurrency | None = Field(None, description="`concurrency_exceeded`: how many run, of how many.")
    consent_url: str | None = Field(None, description="`consent_required`: the page on which a person can agree.")
    x402_version: int | None = Field(None, alias="x402Version", description="`payment_required`: version 1 of x402.")
    error: str | None = Field(None, description="`payment_required`: why, in the words of x402.")
    accepts: list[dict[str, Any]] | None = Field(None, description="`payment_required`: the ways to pay.")
    hold_status: Literal["settled", "released", "expired"] | None = Field(
        None, description="`hold_resolved`: how the hold ended."
    )


class PageQuery(Described):
    limit: Annotated[Whole, Field(ge=1, le=500, description="Items per page.")] = 50
    cursor: Annotated[Text, Field(description="`next_cursor` of the page before.")] | None = None
