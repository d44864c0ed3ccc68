"""Documents of the lists: events, receipts, breakdowns, credits, prices."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from billing.api.schemas.base import Clean, Credits, Described, Instant, Nano, Number, PageQuery, Text, Whole
from billing.api.schemas.cloudevents import LONGEST_SOURCE
from billing.api.schemas.usage import Line, State

Moment = Annotated[
    Text,
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}],
            "description": "An RFC 3339 time, or a date in the workspace's time zone.",
        }
    ),
]
ORIGIN = (
    "Whose id it is, for ids are unique within: the class of key that reported it, for a CloudEvent"
    " `ce:<class of key>:<source>`, for the days of resources `resource`."
)
By = Literal["model", "provider", "meter", "task", "project", "agent", "app", "key", "end_user", "day", "month"]


class EventsQuery(PageQuery):
    from_: Moment | None = Field(None, alias="from", description="Not before.")
    to: Annotated[Moment, Field(description="Before this time; a date is included whole.")] | None = None
    model: Annotated[Text, Field(description="`provider/model`.")] | None = None
    project: Annotated[Text, Field(description="The project's slug.")] | None = None
    agent: Text | None = None
    app: Text | None = None
    task: Text | None = None
    key: Annotated[Text, Field(description="The key's prefix, such as `pws_4f9a12cd`.")] | None = None
    end_user: Text | None = None


class ReceiptQuery(Described):
    source: (
        Annotated[Clean, Field(max_length=LONGEST_SOURCE, description="Only a CloudEvent of this source.")] | None
    ) = None


class BreakdownQuery(Described):
    by: By
    from_: Moment | None = Field(None, alias="from", description="Not before; default the start of this month.")
    to: Annotated[Moment, Field(description="Before this time; a date is included whole. Default now.")] | None = None


class LedgerQuery(PageQuery):
    pass


USD = r"^[0-9]{1,9}([.][0-9]{1,15})?$"
BOUND = (
    "USD, of the main price per the unit of its `modality` (1M tokens, 1K characters, minute, image, second, page,"
    " search); without `modality`, of a typical request."
)


class ModelsQuery(PageQuery):
    limit: Annotated[Whole, Field(ge=1, le=200, description="Models per page; all of them in CSV.")] = 50
    search: (
        Annotated[Text, Field(description="Words that all occur in the model's reference, name or an alias.")] | None
    ) = None
    provider: Text | None = None
    modality: Text | None = None
    min_price_usd: Annotated[Text, Field(pattern=USD, description=f"At least so many {BOUND}")] | None = None
    max_price_usd: (
        Annotated[Text, Field(pattern=USD, description=f"At most so many {BOUND} 0 finds what is free.")] | None
    ) = None
    sort: Annotated[
        Literal["makers", "name", "price", "-price", "context", "cost"],
        Field(description="`cost`: what the workspace's usage of the last 30 days would cost, lowest first."),
    ] = "makers"


class Event(Described):
    event_id: str
    origin: Annotated[str, Field(description=ORIGIN)]
    occurred_at: Instant
    recorded_at: Instant
    model: str
    usage: dict[str, Number]
    variant: dict[str, str]
    project: str | None
    key: str | None
    agent: str | None
    app: str | None
    task: str | None
    end_user: str | None
    metadata: dict[str, Any]
    credits: Credits
    credits_nano: Nano
    cost_usd: Number
    late: bool
    unrated: Literal["", "unknown_model", "unknown_meter"]
    priced_at: Instant | None = Field(
        description="When it got a price and was charged, or was decided to cost nothing, if it waited for a price."
    )
    archived_at: Instant | None = Field(
        description="Since when `variant`, `metadata` and the receipt's `lines` are in the operator's archive only."
    )
    hold: str | None = Field(description="The hold it settled.")
    reversed: Credits = Field(description="Given back by a correction; `credits` is what was charged before.")
    reversed_nano: Nano
    reversed_at: Instant | None


class Events(Described):
    data: list[Event]
    next_cursor: str | None


class PaidFrom(Described):
    lot: str
    label: str
    credits: Credits
    credits_nano: Nano


class ReceiptDocument(Event):
    hold_status: Literal["settled", "expired"] | None = Field(
        description="Of the hold: an expired one paid nothing, the balance was charged."
    )
    lines: list[Line]
    lots: list[PaidFrom] = Field(description="The lots that paid for it; what they do not add up to became debt.")
    debt: Credits = Field(description="The part that no lot covered.")
    debt_nano: Nano
    ledger_seq: int | None = Field(description="The ledger transfer that charged it.")
    chain_head: str = Field(description="Digest of that transfer, hexadecimal; empty when nothing was charged.")


class BreakdownRow(Described):
    key: str
    name: str
    credits: Credits
    credits_nano: Nano
    requests: int
    tokens: Number
    quantity: Number
    share_percent: Number


class Breakdown(Described):
    by: By
    from_: Instant = Field(alias="from")
    to: Instant
    credits: Credits
    credits_nano: Nano
    requests: int
    data: list[BreakdownRow]


class Spend(Described):
    today: Credits
    thisMonth: Credits


class NamedSpend(Spend):
    name: str


class SpendByName(Described):
    agents: list[NamedSpend]
    apps: list[NamedSpend]
    addons: Spend = Field(description="What add-ons and voice clones took; no request is behind it.")


class AllowanceState(Described):
    meter: str
    included: Number
    used: Number
    reserved: Number = Field(description="By open holds.")
    resets_at: Instant


class Expiring(Described):
    credits: Credits
    credits_nano: Nano
    at: Instant


class Summary(Described):
    balance: Credits = Field(description="What can be spent now.")
    balance_nano: Nano
    pending: Credits = Field(description="Bought but not yet paid for.")
    pending_nano: Nano
    held: Credits
    held_nano: Nano
    debt: Credits
    debt_nano: Nano
    state: State
    usage: Spend = Field(description="Everything that was spent: requests, resources and add-ons.")
    breakdown: SpendByName
    allowances: list[AllowanceState]
    expiring: list[Expiring]
    runway_days: Number | None = Field(
        description="How long the balance lasts by the pattern of the last four weeks, with its weekdays; null when"
        " nothing was spent for a week."
    )
    runway_days_low: Number | None = Field(description="At the fastest pace of these weeks.")
    runway_days_high: Number | None = Field(description="At the slowest.")
    as_of: Instant


class LotDocument(Described):
    id: str
    source: Literal["plan", "promotion", "bought"]
    label: str
    amount: Credits
    amount_nano: Nano
    remaining: Credits
    remaining_nano: Nano
    held: Credits
    held_nano: Nano
    granted_at: Instant
    effective_at: Instant
    expires_at: Instant | None
    status: Literal["next", "active", "scheduled", "used", "expired"]


class Lots(Described):
    data: list[LotDocument]
    next_cursor: str | None


class TransferDocument(Described):
    seq: int
    kind: str
    debit: str
    credit: str
    amount: Credits
    amount_nano: Nano
    balance_after: Credits
    balance_after_nano: Nano
    occurred_at: Instant
    created_at: Instant
    digest: str


class Ledger(Described):
    data: list[TransferDocument] = Field(description="Newest first.")
    next_cursor: str | None


class PriceStep(Described):
    start: Number = Field(description="From so many units of the month on.")
    customer_price_usd: Number = Field(description="Per `per` units.")
    credits: Number = Field(description="Credits per `per` units, exact.")
    per: int


class Price(Described):
    meter: str
    unit: str
    per: int
    variant: dict[str, str]
    price_usd: Number = Field(description="Per `per` units, as its provider publishes it.")
    markup_percent: Number
    customer_price_usd: Number = Field(description="Per `per` units, as this customer pays it.")
    credits: Number = Field(description="Credits per `per` units, exact.")
    agreed: bool = Field(description="Agreed on with this customer, in place of the list price.")
    discount_percent: Number = Field(description="Taken off the price with markup.")
    list_price_usd: Number | None = Field(
        description="Per `per` units, as customers without an agreement pay it; null when it is not on the list."
    )
    graduated: bool = Field(description="Of `steps`: each part of the month's quantity at its own step's price.")
    steps: list[PriceStep] = Field(description="Prices that depend on the month's quantity; empty without any.")


class ModelDocument(Described):
    model: str = Field(description="`provider/model`, as usage names it.")
    provider: str
    name: str
    modality: str
    context_window: int | None
    retired: bool = Field(description="It left its provider's price list, and keeps its last prices.")
    prices: list[Price]
    month_cost_usd: Number | None = Field(
        description="What the workspace's last 30 days of this modality would cost on it at today's plain prices; null"
        " without such usage, or when it is priced by other meters."
    )
    month_cost_credits: Number | None


class PriceSource(Described):
    source: str
    version: str = Field(description="Empty where the operator sets the price.")
    read_at: Instant | None = Field(description="When it was last read.")


class PriceMoment(Described):
    customer_price_usd: Number = Field(description="Per `per` units.")
    credits: Number
    per: int


class PriceChange(Described):
    at: Instant
    meter: str
    unit: str
    variant: dict[str, str]
    old: PriceMoment | None = Field(description="Null for a price that is new.")
    new: PriceMoment | None = Field(description="Null for one that is no longer sold.")
    change_percent: Number | None = Field(description="Of the price per unit, rounded to 4 decimals.")


class ModelDetail(ModelDocument):
    sold_by_maker: bool
    names: list[str] = Field(description="What usage may call it.")
    retired_at: Instant | None
    sources: list[PriceSource] = Field(description="Where the prices in force come from.")
    history: list[PriceChange] = Field(description="What changed for this customer, newest first.")
    announced: list[PriceChange] = Field(description="Changes that are decided, soonest first.")


class Models(Described):
    data: list[ModelDocument]
    next_cursor: str | None
    refreshed_at: Instant | None = Field(description="When prices were last read from upstream.")
