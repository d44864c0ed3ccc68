"""Documents of the routes by which the operator's backend makes customers and hands them over."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from billing.api.schemas.base import DECIMAL_TEXT, Credits, Described, Instant, Nano, PageQuery


def _storable(value: str) -> str:
    if "\0" in value or not value.strip():
        raise ValueError("must be a text that is not empty")
    value.encode()  # half a surrogate pair cannot be stored
    return value


def _id(value: str) -> str:
    if not value.isprintable() or value != value.strip() or value in (".", ".."):
        raise ValueError("must have printable characters only, and no space at its ends")
    return value


Words = Annotated[str, AfterValidator(_storable), Field(min_length=1)]
Email = Annotated[Words, Field(max_length=254, json_schema_extra={"format": "email"})]
# At most 9 decimals; a decimal string is as good.
SomeCredits = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 10**12},
                DECIMAL_TEXT,
            ],
            "description": "Above 0, at most 9 decimals.",
        }
    ),
]
Moment = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]})]


class NewWorkspace(Described):
    """A customer. `external_id`, or else an Idempotency-Key, makes a repeat the same workspace."""

    name: Annotated[Words, Field(max_length=120)]
    external_id: Annotated[Words, AfterValidator(_id), Field(max_length=120)] | None = Field(
        None, description="Your own id of the customer, which names the workspace wherever its id does."
    )
    owner_email: Email = Field(description="Becomes the owner; without an account, gets one without a password.")
    plan: Annotated[Words, Field(max_length=40)] | None = Field(
        None, description="Key of a published plan; the site's default one if left out."
    )
    time_zone: Annotated[Words, Field(max_length=64)] = Field("UTC", description="Of its days and months.")
    usage_write_allowed: bool = Field(
        False, description="Let the workspace's own keys record usage: it then writes its own bill."
    )


class Owner(Described):
    email: str
    name: str


class WorkspaceDocument(Described):
    id: str
    external_id: str | None
    name: str
    plan: str | None
    time_zone: str
    usage_write_allowed: bool
    created_at: Instant
    owner: Owner | None = Field(description="Of several owners the first one.")


class FirstKey(Described):
    key: str | None = Field(description="The API key: shown once, null in every repeat.")
    prefix: str
    name: str
    scopes: list[str]
    note: str = Field(description="What to do with it, in words.")


class WorkspaceMade(WorkspaceDocument):
    api_key: FirstKey


class Workspaces(Described):
    data: list[WorkspaceDocument] = Field(description="Newest first.")
    next_cursor: str | None


class WorkspacesQuery(PageQuery):
    pass


class GrantBody(Described):
    credits: SomeCredits
    reason: Annotated[Words, Field(max_length=500)] = Field(
        description="Why: kept in the audit log, and shown to the customer."
    )
    label: Annotated[Words, Field(max_length=120)] = Field(
        "Credits from us", description="What the customer reads in the list of credits."
    )
    expires_at: Moment = Field(None, description="Until when they can be used; without it they never expire.")


class GrantedLot(Described):
    id: str
    source: str
    label: str
    amount: Credits
    amount_nano: Nano
    granted_at: Instant
    effective_at: Instant
    expires_at: Instant | None


class Granted(Described):
    lot: GrantedLot
    repaid: Credits = Field(description="What of it paid for debt.")
    repaid_nano: Nano
    balance: Credits = Field(description="What could be spent right after.")
    balance_nano: Nano


class PortalSessionBody(Described):
    email: Email | None = Field(None, description="The member to hand over; an owner if left out.")
    return_path: Annotated[Words, Field(max_length=400, pattern="^/")] | None = Field(
        None, description="The page of the workspace that it opens, such as `/credits`; the overview if left out."
    )


class PortalSession(Described):
    url: str = Field(description="Opens the portal once. Send the person's browser there now; keep it nowhere.")
    expires_at: Instant = Field(description="In a minute.")
