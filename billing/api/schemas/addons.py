"""Documents of add-ons."""

from typing import Annotated, Literal

from pydantic import Field

from billing.api.schemas.base import Clean, Credits, Described, Instant, Nano, Whole
from billing.api.schemas.workspaces import Moment, Words


class HeldAddOn(Described):
    quantity: int
    next_quantity: int | None = Field(description="From `paid_until` on; 0: it ends then; null: it stays.")
    status: Literal["active", "short", "suspended"] = Field(
        description="`short`: credits did not cover its period, it works until `suspends_at`. `suspended`: it raises"
        " nothing until credits arrive."
    )
    monthly_credits: Credits = Field(description="A piece, for this workspace: as when it was added.")
    monthly_credits_nano: Nano
    started_at: Instant
    paid_until: Instant
    suspends_at: Instant | None = Field(description="Of `suspended`: when it was.")


class AddOnDocument(Described):
    addon: str = Field(description="What `addon` takes.")
    name: str
    description: str
    monthly_credits: Credits = Field(description="A piece, for who adds it now.")
    monthly_credits_nano: Nano
    most: int = Field(description="Pieces that a workspace may have.")
    concurrency: int = Field(description="Requests at the same time that a piece adds.")
    feature: str | None = Field(description="The feature that it brings, for people.")
    offered: bool = Field(description="Whether it can be added, or more of it.")
    held: HeldAddOn | None = Field(description="What the workspace has of it.")


class AddOns(Described):
    data: list[AddOnDocument] = Field(description="In the operator's order.")
    monthly_credits: Credits = Field(description="That all of them take in a whole period, with what is to change.")
    monthly_credits_nano: Nano


class AddOnBody(Described):
    addon: Annotated[Words, Field(max_length=40, description="Such as `concurrency`.")]
    quantity: Annotated[int, Field(ge=1, le=1_000_000, description="Pieces to have, not to add.")] = 1
    at: Moment = Field(None, description="`at` of a preview, at most 30 minutes old: then what it said is charged.")


Preview = Annotated[Whole, Field(ge=0, le=1, description="1: only tell what it would do.")]


class AddOnChangeQuery(Described):
    preview: Preview = 0


class AddOnRemoveQuery(Described):
    addon: Annotated[Clean, Field(min_length=1, max_length=40, description="Such as `concurrency`.")]
    preview: Preview = 0


class AddOnChanged(Described):
    id: str | None = Field(description="Of the change; null for a preview.")
    addon: str
    before: int = Field(description="Pieces.")
    quantity: int
    at: Instant = Field(description="From which what is charged counts.")
    effective_at: Instant = Field(description="When the pieces change: at once, or at the end of what is paid.")
    until: Instant = Field(description="The end of the period.")
    charged: Credits = Field(description="At once, for the rest of the period.")
    charged_nano: Nano
    monthly_credits: Credits = Field(description="For every whole period afterwards.")
    monthly_credits_nano: Nano
    sufficient: bool = Field(description="Of a preview: whether the balance covers it.")
