"""Documents of what a plan lets a workspace do."""

from typing import Literal

from pydantic import Field

from billing.api.schemas.base import Credits, Described, Instant, Nano, Number

Kind = Literal["feature", "quality", "allowance", "request_limit", "concurrency", "overdraft"]


class Entitlement(Described):
    feature: str = Field(description="The name that was asked for; in the list one that means nothing else.")
    entitled: bool = Field(
        description="Whether the plan has it. What an allowance does not cover is paid with credits."
    )
    kind: Kind | None = Field(description="Null for a name that the plan does not know.")
    text: str | None = Field(description="Of a feature, for people.")
    limit: Number | None = Field(
        description="The quantity included, the most per request or at once, the credits below zero; null: no limit."
    )
    used: Number | None = Field(description="Of an allowance, in this period.")
    remaining: Number | None = Field(description="Of an allowance: what running requests have reserved is left out.")
    resets_at: Instant | None
    plan: str | None = Field(description="The plan's key; null without a plan, which limits nothing.")


class Entitlements(Described):
    plan: str | None
    data: list[Entitlement]


class Money(Described):
    amount: int = Field(description="In the currency's smallest unit: cents.")
    currency: Literal["usd"]


class IncludedQuantity(Described):
    meter: str
    included: Number = Field(description="Per period, before credits are used; nothing of it rolls over.")


class MostPerRequest(Described):
    meter: str
    most: Number


class CreditTierDocument(Described):
    tier: int = Field(description="1 is the first above the plan's own credits.")
    monthly_credits: Credits
    monthly_credits_nano: Nano
    monthly_price: Money
    yearly_price: Money | None = Field(description="For twelve months; null: not sold by the year.")


class PlanDocument(Described):
    plan: str = Field(description="The plan's key.")
    name: str
    version: int
    current: bool = Field(description="Whether the workspace is on this version.")
    monthly_price: Money
    yearly_price: Money | None = Field(
        description="For twelve months, whose credits come by the month all the same; null: not sold by the year."
    )
    trial_days: int = Field(description="Before the first payment; 0: none.")
    periods: Literal["anniversary", "calendar"] = Field(
        description="Whether a period begins on the day of the month that the first one did, or with each month (UTC)."
    )
    monthly_credits: Credits
    monthly_credits_nano: Nano
    credit_tiers: list[CreditTierDocument] = Field(
        description="The ladder above these credits and this price; empty: there is none."
    )
    credit_price_usd: Number | None = Field(
        description="US dollars for a credit bought besides; null: the face value of a credit."
    )
    rollover_months: int = Field(description="Further periods in which unused monthly credits stay usable.")
    rollover_cap: Credits | None = Field(
        description="The most unused credits that a new period takes over; null: all that may roll over."
    )
    rollover_cap_nano: Nano | None
    allowances: list[IncludedQuantity]
    request_limits: list[MostPerRequest]
    qualities: list[str] | None = Field(description="Null: all of them.")
    concurrency: int | None = Field(description="Requests at once; null: no limit.")
    overdraft: Credits = Field(description="Credits that authorisations may go below zero.")
    overdraft_nano: Nano
    features: list[str] = Field(description="For people.")
    intended_for: str | None
    support: str | None = Field(description="For people.")
    sla: str | None = Field(description="The service level, for people.")


class Plans(Described):
    data: list[PlanDocument]
