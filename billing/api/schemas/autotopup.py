"""Documents of automatic top-ups."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from billing.api.schemas.base import Credits, Described, Instant, Nano
from billing.api.schemas.invoices import Money
from billing.api.schemas.workspaces import SomeCredits
from billing.packs.autotopup.settings import MOST_CENTS
from billing.packs.autotopup.sizing import LEAST_CENTS


def dollars(least_cents: int, most_cents: int) -> dict[str, Any]:
    """The JSON schema of US dollars within these bounds."""
    most = most_cents // 100
    return {
        "anyOf": [
            {"type": "number", "minimum": least_cents / 100, "maximum": most},
            {"type": "string", "pattern": rf"^[0-9]{{1,{len(str(most))}}}([.][0-9]{{1,2}})?$"},
        ],
        "description": f"US dollars from {least_cents / 100:.2f} to {most:,}, whole cents.",
    }


Dollars = Annotated[Any, WithJsonSchema(dollars(LEAST_CENTS, MOST_CENTS))]
State = Literal["off", "on", "pending", "back_off", "confirmation", "day", "month", "paused"]


class AutoTopUpBody(Described):
    """What is left out stays as it is."""

    enabled: bool | None = None
    threshold: Annotated[SomeCredits | None, Field(description="Charge when the balance falls below.")] = None
    amount: Annotated[SomeCredits | None, Field(description="Credits of one charge; repeated as the gap needs.")] = None
    amount_usd: Annotated[Dollars | None, Field(description="The same in money; not together with `amount`.")] = None
    target: Annotated[
        SomeCredits | None, Field(description="In place of the amount: up to this balance. Null: by the amount.")
    ] = None
    day_limit_usd: Dollars | None = None
    month_limit_usd: Dollars | None = None


class ConsentDocument(Described):
    by: str
    at: Instant
    card: str
    text: str = Field(description="What was agreed to, as it was shown.")


class PendingTopUp(Described):
    credits: Credits
    credits_nano: Nano
    charge: Money
    reason: str
    at: Instant


class AutoTopUpDocument(Described):
    enabled: bool
    state: State = Field(
        description="`pending`: a charge is on its way; `back_off`: the card was declined and is tried again at"
        " `next_attempt_at`; `confirmation`: the bank wants the cardholder, who was sent a link; `day`, `month`: the"
        " limit is reached; `paused`: too many charges an hour, a person lets them go on."
    )
    threshold: Credits
    threshold_nano: Nano
    amount: Credits
    amount_nano: Nano
    charge: Money = Field(description="What one amount costs, tax included.")
    target: Credits | None
    target_nano: Nano | None
    day_limit: Money
    month_limit: Money
    charged_today: Money = Field(description="In the workspace's time zone; what is on its way included.")
    charged_this_month: Money
    next_charge: str = Field(description="In a sentence, for people.")
    next_attempt_at: Instant | None
    pending: PendingTopUp | None
    consent: ConsentDocument | None = Field(description="Null: nobody agrees at present, and it cannot be switched on.")
    consent_url: str = Field(description="The page on which a person can agree.")
