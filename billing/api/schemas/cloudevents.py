"""Documents of CloudEvents that carry usage."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from billing.api.schemas.base import Instant
from billing.api.schemas.usage import UsageEvent

LONGEST_SOURCE = 1_000
MOST_EVENTS = 1_000


class UsageData(UsageEvent):
    """A usage body without its id and time, which the envelope has."""

    event_id: str | None = Field(None, min_length=1, max_length=200, description="If given, the same as `id`.")  # type: ignore[assignment]
    occurred_at: Instant | None = Field(None, description="If `time` is given, the same.")


class CloudEvent(BaseModel):
    """CloudEvents 1.0 in JSON. Extension attributes are allowed and mean nothing here."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "propertyNames": {"pattern": "^([a-z0-9]+|data_base64)$"},
            "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
        },
    )

    specversion: Literal["1.0"]
    id: str = Field(min_length=1, max_length=200, description="With `source`: the same id is charged once.")
    source: str = Field(min_length=1, max_length=LONGEST_SOURCE, description="A URI reference.")
    type: str = Field(min_length=1, max_length=1000, description="Any: all of them are usage.")
    subject: str | None = Field(
        None,
        min_length=1,
        max_length=120,
        description="The workspace, by id or external id; not needed where the key or the header names it.",
    )
    time: Instant | None = Field(None, description="When it happened; default now.")
    datacontenttype: str | None = Field(None, description="`application/json`, or absent.")
    dataschema: str | None = Field(None, min_length=1, max_length=2000)
    data: UsageData | None = Field(None, description="The usage; or `data_base64`.")
    data_base64: str | None = Field(None, description="The same JSON in base64, in place of `data`.")


class CloudEventBatch(RootModel[Annotated[list[CloudEvent], Field(max_length=MOST_EVENTS)]]):
    pass


ATTRIBUTE_HEADERS: dict[str, Any] = {
    "ce-specversion": "Binary mode (a body of `application/json`): `1.0`.",
    "ce-id": "Binary mode: the CloudEvent's `id`.",
    "ce-source": "Binary mode: its `source`.",
    "ce-type": "Binary mode: its `type`.",
    "ce-subject": "Binary mode: its `subject`.",
    "ce-time": "Binary mode: its `time`.",
}
