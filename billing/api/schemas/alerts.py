"""Documents of usage alerts."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from billing.alerts.usage.settings import LEAST_CENTS, MOST_CENTS
from billing.api.schemas.autotopup import dollars
from billing.api.schemas.base import Credits, Described, Instant, Nano
from billing.api.schemas.invoices import Money
from billing.api.schemas.workspaces import SomeCredits

Dollars = Annotated[Any, WithJsonSchema(dollars(LEAST_CENTS, MOST_CENTS))]


class AlertsBody(Described):
    """What is left out stays as it is; null takes it away."""

    percents: Annotated[
        list[Literal[50, 75, 90, 100]] | None,
        Field(description="Tell when so much of the period's credits is used.", max_length=4),
    ] = None
    low_credits: Annotated[SomeCredits | None, Field(description="Low below this balance, above 0.")] = None
    low_days: Annotated[int | None, Field(ge=1, le=90, description="Low below so many days of usage.")] = None
    month_usd: Annotated[Dollars | None, Field(description="Tell when usage of a month is worth this.")] = None


class ToldDocument(Described):
    alert: Literal["50", "75", "90", "100", "money", "low", "stopped"]
    text: str = Field(description="In a sentence, for people.")
    at: Instant
    mailed_at: Instant | None = Field(description="Null: it waits for the summary, or nobody is there to be told.")


class AlertsDocument(Described):
    percents: list[int] = Field(description="Shares of the period's credits that are told. Bought ones are left out.")
    low_credits: Credits | None = Field(description="Set by the workspace; null: not set.")
    low_credits_nano: Nano | None
    low_days: int | None
    month_limit: Money | None
    low_below: Credits = Field(description="Below this balance, holds included, the state is `low` at present.")
    low_below_nano: Nano
    told: list[ToldDocument] = Field(description="The latest alerts.")
