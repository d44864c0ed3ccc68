"""Documents of topping up in USDC."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from billing.api.schemas.autotopup import dollars
from billing.api.schemas.base import Credits, Described, Nano, Number
from billing.api.schemas.workspaces import Words

# The operator sets narrower bounds: what is refused says which.
Usd = Annotated[Any, WithJsonSchema(dollars(1, 100_000_00))]


class TopUpBody(Described):
    """One of the two."""

    pack_id: Annotated[Words | None, Field(max_length=40, alias="packId", description="A pack, at its price.")] = None
    amount_usd: Annotated[Usd | None, Field(description="Credits at face value for this amount.")] = None


class TopUpDocument(Described):
    id: str
    state: Literal["credited", "settling", "review"] = Field(
        description="`settling`: it is on its way, and credited by itself; `review`: a person looks at it."
    )
    credits: Credits = Field(description="What it brings.")
    credits_nano: Nano
    amount_usd: Number
    network: str = Field(description="CAIP-2.")
    payer: str
    transaction: str = Field(description="Its hash; empty until it is known.")
    invoice: str | None = Field(description="Number of the invoice, once it is credited.")
    balance: Credits
    balance_nano: Nano
