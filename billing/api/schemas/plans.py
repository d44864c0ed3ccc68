"""Documents of what a plan lets a workspace do."""

from typing import Literal

from pydantic import Field

from billing.api.schemas.base import Described, Instant, Number

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
