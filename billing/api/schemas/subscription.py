"""Documents of a workspace's subscription and its changes."""

from typing import Annotated, Literal

from pydantic import Field

from billing.api.schemas.base import Credits, Described, Instant, Nano
from billing.api.schemas.plans import IncludedQuantity, Money
from billing.api.schemas.workspaces import Words

Interval = Literal["month", "year"]
Kind = Literal["start", "upgrade", "downgrade", "keep", "cancel"]


class SubscriptionQuery(Described):
    preview: Annotated[
        Literal["1", "true"] | None, Field(description="Only show what the change would do; confirm it by its id.")
    ] = None


class SubscriptionBody(Described):
    """One of: a `plan`, `action`, or `confirm`."""

    plan: Annotated[Words | None, Field(max_length=40, description="The key of a plan, such as `pro`.")] = None
    tier: Annotated[int | None, Field(ge=0, le=32_767, description="Credit tier; 0, the default: the plan's own.")] = (
        None
    )
    interval: Annotated[Interval | None, Field(description="How it is paid; `month` unless told.")] = None
    newest: Annotated[
        bool | None,
        Field(description="The plan’s newest version, also in place of the one that the workspace is on and keeps."),
    ] = None
    action: Annotated[
        Literal["cancel", "stay"] | None,
        Field(description="`cancel` when the paid time is over; `stay`: forget a cancellation or a change to come."),
    ] = None
    confirm: Annotated[
        Words | None, Field(max_length=40, description="The id of a preview: does exactly what it says.")
    ] = None


class PlanChosen(Described):
    plan: str
    name: str
    version: int
    tier: int = Field(description="0: the plan's own credits.")
    interval: Interval | None = Field(description="Null: it is not paid through Stripe.")
    price: Money = Field(description="For one interval.")
    monthly_credits: Credits
    monthly_credits_nano: Nano


class PlanToCome(PlanChosen):
    at: Instant


class PeriodDocument(Described):
    starts_at: Instant
    ends_at: Instant


class ChangeLine(Described):
    text: str
    amount: int = Field(description="In the smallest unit; below 0: credited.")


class NextInvoice(Described):
    at: Instant
    amount: Money


class SubscriptionChangeDocument(Described):
    id: str
    kind: Kind
    status: Literal["shown", "asked", "done", "failed", "lapsed"] = Field(
        description="`shown`: a preview. `asked`: it is being done, or waits to be paid at `url`."
    )
    plan: str | None
    version: int | None
    tier: int | None
    interval: Interval | None
    effective_at: Instant
    due: Money = Field(description="Charged at once; below 0: taken off the next invoices.")
    lines: list[ChangeLine]
    credits: Credits = Field(description="Added at once.")
    credits_nano: Nano
    credits_until: Instant | None
    next_invoice: NextInvoice | None
    text: list[str] = Field(description="The same for people.")
    url: str | None = Field(description="Where the person pays, if they have to.")
    problem: str | None
    created_at: Instant
    done_at: Instant | None


class SubscriptionDocument(Described):
    current: PlanChosen | None = Field(description="Null without a plan.")
    status: Literal["active", "trialing", "past_due", "unpaid"] | None
    period: PeriodDocument | None
    paid_until: Instant | None = Field(description="Null: nothing has to be paid.")
    trial_until: Instant | None
    past_due_since: Instant | None
    ends_at: Instant | None = Field(description="It was cancelled, and runs until then.")
    next: PlanToCome | None = Field(description="What it changes to when its paid time is over.")
    newer: PlanChosen | None = Field(
        description="The same in the newest version of its plan, where it is on an older one; `newest` changes to it."
    )
    next_credits_at: Instant | None
    allowances: list[IncludedQuantity]
    change: SubscriptionChangeDocument | None = Field(description="The change that is being done, or waits to be paid.")
