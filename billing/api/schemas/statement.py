"""The document of a monthly statement."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from billing.api.schemas.base import Credits, Described, Instant, Nano, Text

Month = Annotated[Text, WithJsonSchema({"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$"})]
Row = Literal["plan", "promotion", "bought", "owed"]


class StatementQuery(Described):
    month: Month | None = Field(None, description="`2027-01`, in the workspace's time zone. Default: this month.")


class Sums(Described):
    """opening + in − out + repaid = closing."""

    opening: Credits
    opening_nano: Nano
    in_: Credits = Field(alias="in")
    in_nano: Nano
    out: Credits
    out_nano: Nano
    repaid: Credits = Field(
        description="What paid for what was owed: negative for the credits that paid, positive for `owed`, 0 in all."
    )
    repaid_nano: Nano
    closing: Credits = Field(description="Available and held, less what was owed: the opening of the next month.")
    closing_nano: Nano
    held: Credits = Field(description="Part of closing that was in holds.")
    held_nano: Nano


class SourceSums(Sums):
    source: Row


class StatementLine(Described):
    source: Row
    line: Literal["granted", "bought", "returned", "corrected", "used", "expired", "refunded", "repaid"]
    in_: Credits = Field(alias="in")
    in_nano: Nano
    out: Credits
    out_nano: Nano


class ChainHead(Described):
    seq: int
    digest: str = Field(description="Hexadecimal. It covers every transfer up to this one.")


class StatementDocument(Sums):
    month: str
    time_zone: str
    from_: Instant = Field(alias="from")
    to: Instant
    running: bool = Field(description="Whether the month is not over; closing is then the balance at `as_of`.")
    as_of: Instant
    sources: list[SourceSums] = Field(description="They add up to the whole. `owed` is used beyond the balance.")
    lines: list[StatementLine] = Field(description="What moved, where something did.")
    chain_head: ChainHead | None = Field(description="The last ledger transfer before `to`; null before the first one.")
