"""Documents of packs and of buying them."""

from typing import Annotated

from pydantic import Field

from billing.api.schemas.base import Credits, Described, Nano, Number
from billing.api.schemas.invoices import Money
from billing.api.schemas.workspaces import Words


class PackDocument(Described):
    id: str = Field(description="What `packId` takes.")
    name: str
    description: str
    credits: Credits = Field(description="All that it brings, the bonus included.")
    credits_nano: Nano
    bonus_credits: Credits = Field(description="What of it is not paid for.")
    bonus_credits_nano: Nano
    price: Money = Field(description="Tax included.")
    price_per_credit: Number = Field(description="In the currency's major unit, rounded to 12 decimals.")
    validity_days: int | None = Field(description="Until the credits expire; null: never.")


class Packs(Described):
    data: list[PackDocument]


class CheckoutBody(Described):
    pack_id: Annotated[Words, Field(max_length=40, alias="packId", description="Such as `growth`.")]
    promotion_code: Annotated[
        Words | None, Field(max_length=40, alias="promotionCode", description="A code of the operator's.")
    ] = None


class CheckoutSession(Described):
    id: str = Field(description="Of the Checkout session.")
    url: str = Field(description="Where the person pays. It leads back to the portal.")
