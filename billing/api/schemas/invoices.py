"""Documents of invoices and credit notes."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from billing.api.schemas.base import Credits, Described, Instant, Nano, Number, PageQuery, Whole

Kind = Literal["invoice", "credit_note"]
Status = Literal["open", "paid", "void", "uncollectible", "issued"]
Minor = Annotated[int, WithJsonSchema({"type": "integer", "description": "Minor units, such as cents."})]


class InvoicesQuery(PageQuery):
    year: Annotated[Whole, Field(ge=1970, le=9998, description="Of the date (UTC).")] | None = None
    kind: Kind | None = None
    status: Status | None = None


class Money(Described):
    amount: Minor
    currency: str = Field(description="ISO 4217, lower case.")


class InvoiceRef(Described):
    id: str
    number: str
    total: Money


class InvoiceSummary(Described):
    id: str
    number: str
    kind: Kind
    purpose: Literal["pack", "top_up", "custom", "subscription"]
    origin: Literal["own", "stripe"] = Field(description="`stripe`: Stripe's own document, mirrored.")
    status: Status = Field(description="`issued` is that of a credit note.")
    overdue: bool
    issued_at: Instant
    due_at: Instant | None
    paid_at: Instant | None
    subtotal: Money
    discount: Money
    tax: Money
    total: Money
    amount_paid: Money
    credited: Money = Field(description="What credit notes took off an invoice.")
    amount_due: Money
    credits: Credits = Field(description="What an invoice brings, or a credit note takes back.")
    credits_nano: Nano
    purchase_order: str | None
    invoice: InvoiceRef | None = Field(description="Of a credit note: its invoice.")
    pdf_url: str | None = Field(description="Of the file; of our own documents, a path of this API.")
    hosted_url: str | None = Field(description="Stripe's page of it.")


class Invoices(Described):
    data: list[InvoiceSummary]
    next_cursor: str | None


class Party(Described):
    name: str
    address: str
    country: str = Field(description="ISO 3166-1, or empty.")
    tax_id: str


class InvoiceLine(Described):
    description: str
    detail: str
    quantity: Number
    unit_amount: Number = Field(description="Minor units, possibly fractions of one.")
    amount: Minor = Field(description="quantity × unit_amount, rounded half up.")
    discount: Minor
    tax_name: str
    tax_percent: Number
    tax: Minor = Field(description="Rounded half up, line by line.")
    credits: Credits
    credits_nano: Nano


class TaxSum(Described):
    name: str
    percent: Number
    net: Money
    tax: Money


class PaymentMade(Described):
    at: Instant
    amount: Money
    method: str
    reference: str


class InvoiceDocument(InvoiceSummary):
    """subtotal − discount = total where tax is included; otherwise subtotal − discount + tax = total."""

    seller: Party | None = Field(description="As it was when the document was issued.")
    customer: Party | None
    tax_included: bool
    reverse_charge: bool
    lines: list[InvoiceLine]
    taxes: list[TaxSum] = Field(description="By rate.")
    payment: PaymentMade | None
    credit_notes: list[InvoiceRef]
    notes: str
    reason: str = Field(description="Of a credit note.")
