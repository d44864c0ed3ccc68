"""Invoices and credit notes, who they come from and who they are for. Money is integer minor units, credits are
nano-credits.

What a document says is fixed once it has its number (triggers, see migrations); until then it is being written.
"""

import secrets
from datetime import datetime

from django.db import models
from django.db.models import F, Q

from accounts.models import Workspace
from billing.credits import clock
from billing.invoices.countries import country_choices, tax_id_choices


def new_document_id() -> str:
    return "doc_" + secrets.token_hex(12)


class Seller(models.Model):
    """Who issues documents: what the operator prints on them. One row."""

    legal_name = models.CharField(max_length=200, blank=True)
    address = models.TextField(max_length=500, blank=True)
    country = models.CharField(max_length=2, choices=country_choices, blank=True)
    tax_id = models.CharField(max_length=60, blank=True)
    email = models.EmailField(blank=True)
    website = models.CharField(max_length=120, blank=True)
    logo_text = models.CharField(max_length=40, blank=True)  # at the head of the page; empty: the product's name
    bank_details = models.TextField(max_length=600, blank=True)  # printed on what is paid by transfer
    footer = models.TextField(max_length=600, blank=True)
    invoice_prefix = models.CharField(max_length=12, default="INV")
    credit_note_prefix = models.CharField(max_length=12, default="CN")
    net_days = models.PositiveSmallIntegerField(default=30)  # of a custom invoice, unless it says otherwise
    tax_name = models.CharField(max_length=40, default="VAT")
    tax_percent = models.DecimalField(max_digits=7, decimal_places=4, default=0)  # of a custom invoice, likewise
    reverse_charge_note = models.CharField(
        max_length=300, default="Reverse charge: the recipient accounts for the tax.", blank=True
    )

    class Meta:
        verbose_name = verbose_name_plural = "seller"
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="seller_one_row"),
            models.CheckConstraint(
                condition=Q(invoice_prefix__regex=r"^[A-Z0-9]([A-Z0-9-]{0,10}[A-Z0-9])?$")
                & Q(credit_note_prefix__regex=r"^[A-Z0-9]([A-Z0-9-]{0,10}[A-Z0-9])?$"),
                name="seller_prefixes_plain",
            ),
            models.CheckConstraint(condition=~Q(invoice_prefix=F("credit_note_prefix")), name="seller_prefixes_differ"),
            models.CheckConstraint(condition=Q(tax_percent__gte=0, tax_percent__lte=100), name="seller_tax_percent"),
        ]

    def __str__(self) -> str:
        return self.legal_name or "seller"


class BillingProfile(models.Model):
    """Who a workspace's documents are made out to."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="billing_profile")
    legal_name = models.CharField(max_length=200, blank=True)
    address = models.TextField(max_length=500, blank=True)
    country = models.CharField(max_length=2, choices=country_choices, blank=True)
    tax_id_type = models.CharField(max_length=10, choices=tax_id_choices, blank=True)
    tax_id = models.CharField(max_length=60, blank=True)
    email = models.EmailField(blank=True)  # empty: owners, admins and billing managers get the documents
    purchase_order = models.CharField(max_length=60, blank=True)  # printed unless a document has another one
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(tax_id="", tax_id_type="") | ~Q(tax_id="") & ~Q(tax_id_type=""),
                name="billing_profile_tax_id_with_type",
            ),
        ]

    def __str__(self) -> str:
        return self.legal_name or str(self.workspace)


class NumberCounter(models.Model):
    """The last number of a series in a year. Its row is the lock under which the next one is drawn."""

    series = models.CharField(max_length=12)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField()
    last_at = models.DateTimeField()  # issue dates of a series never go backwards

    class Meta:
        constraints = [models.UniqueConstraint(fields=["series", "year"], name="number_counter_once")]

    def __str__(self) -> str:
        return f"{self.series}-{self.year}: {self.last}"


class Document(models.Model):
    class Kind(models.TextChoices):
        INVOICE = "invoice", "Invoice"
        CREDIT_NOTE = "credit_note", "Credit note"

    class Purpose(models.TextChoices):
        PACK = "pack", "Credit pack"
        TOP_UP = "top_up", "Auto top-up"
        CUSTOM = "custom", "Custom invoice"
        SUBSCRIPTION = "subscription", "Subscription"

    class Origin(models.TextChoices):
        OWN = "own"
        STRIPE = "stripe"  # Stripe's document, mirrored

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        OPEN = "open", "Open"
        PAID = "paid", "Paid"
        VOID = "void", "Void"  # nothing is owed
        UNCOLLECTIBLE = "uncollectible", "Uncollectible"
        ISSUED = "issued", "Issued"  # credit notes

    public_id = models.CharField(max_length=40, unique=True, default=new_document_id, editable=False)
    # One document per key, for ever; a repeat with other content is refused by its hash.
    key = models.CharField(max_length=200, unique=True)
    request_hash = models.BinaryField(max_length=32)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="documents", db_index=False)
    kind = models.CharField(max_length=11, choices=Kind.choices)
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    origin = models.CharField(max_length=6, choices=Origin.choices, default=Origin.OWN)
    invoice = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="credit_notes")

    number = models.CharField(max_length=60, null=True, blank=True)  # noqa: DJ001 - null until it is issued
    series = models.CharField(max_length=12, blank=True)
    year = models.PositiveSmallIntegerField(null=True, blank=True)
    sequence = models.PositiveIntegerField(null=True, blank=True)

    seller = models.JSONField(default=dict, blank=True)  # as they were when it was issued
    customer = models.JSONField(default=dict, blank=True)

    currency = models.CharField(max_length=3)  # lower case
    tax_included = models.BooleanField(default=False)  # the unit amounts contain it
    reverse_charge = models.BooleanField(default=False)
    subtotal = models.BigIntegerField(default=0)  # of the lines as priced, before discounts
    discount = models.BigIntegerField(default=0)
    tax = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    credits = models.BigIntegerField(default=0)  # nano-credits it brings, or a credit note takes back

    status = models.CharField(max_length=13, choices=Status.choices)
    amount_paid = models.BigIntegerField(default=0)
    credited = models.BigIntegerField(default=0)  # sum of an invoice's credit notes, kept by a trigger
    issued_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)  # voided or written off
    payment_method = models.CharField(max_length=40, blank=True)  # "card", "transfer", …
    payment_reference = models.CharField(max_length=120, blank=True)
    reminders = models.PositiveSmallIntegerField(default=0)  # that it is due: sent so far

    purchase_order = models.CharField(max_length=60, blank=True)
    notes = models.TextField(max_length=1000, blank=True)
    reason = models.CharField(max_length=500, blank=True)  # of a credit note
    net_days = models.PositiveSmallIntegerField(default=0)
    credit_days = models.PositiveSmallIntegerField(null=True, blank=True)  # life of the credits it brings
    created_at = models.DateTimeField(default=clock.now)

    stripe_id = models.CharField(max_length=80, null=True, blank=True, unique=True)
    hosted_url = models.URLField(max_length=1000, blank=True)
    pdf_url = models.URLField(max_length=1000, blank=True)
    mirrored_at = models.DateTimeField(null=True, blank=True)  # when Stripe said so

    class Meta:
        ordering = ["-issued_at", "-id"]
        indexes = [
            models.Index(fields=["workspace", "-issued_at", "-id"], name="document_list"),
            models.Index(
                fields=["due_at"], condition=Q(origin="own", status="open", reminders__lt=2), name="document_due"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["series", "year", "sequence"], name="document_sequence_once"),
            models.UniqueConstraint(fields=["origin", "number"], name="document_number_once"),
            models.CheckConstraint(condition=Q(kind__in=["invoice", "credit_note"]), name="document_kind"),
            models.CheckConstraint(
                condition=Q(purpose__in=["pack", "top_up", "custom", "subscription"]), name="document_purpose"
            ),
            models.CheckConstraint(
                condition=Q(origin="own", stripe_id=None) | Q(origin="stripe", stripe_id__isnull=False),
                name="document_origin",
            ),
            models.CheckConstraint(
                condition=Q(kind="credit_note", status="issued", invoice__isnull=False)
                | Q(
                    kind="invoice",
                    status__in=["draft", "open", "paid", "void", "uncollectible"],
                    invoice=None,
                ),
                name="document_status_of_its_kind",
            ),
            models.CheckConstraint(
                condition=~Q(status="draft") | Q(origin="own", purpose="custom", number=None),
                name="document_draft_custom_only",
            ),
            models.CheckConstraint(
                condition=Q(number=None, sequence=None, issued_at=None)
                | Q(origin="stripe", number__isnull=False, issued_at__isnull=False, sequence=None)
                | Q(
                    origin="own",
                    number__isnull=False,
                    year__isnull=False,
                    sequence__gt=0,
                    issued_at__isnull=False,
                ),
                name="document_numbered_whole",
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[a-z]{3}$"), name="document_currency"),
            models.CheckConstraint(
                condition=Q(
                    subtotal__gte=0,
                    discount__gte=0,
                    tax__gte=0,
                    total__gte=0,
                    credits__gte=0,
                    amount_paid__gte=0,
                    credited__gte=0,
                ),
                name="document_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(origin="stripe")
                | Q(tax_included=True, total=F("subtotal") - F("discount"))
                | Q(tax_included=False, total=F("subtotal") - F("discount") + F("tax")),
                name="document_adds_up",
            ),
            models.CheckConstraint(condition=~Q(reverse_charge=True) | Q(tax=0), name="document_reverse_charge_no_tax"),
            models.CheckConstraint(condition=Q(credited__lte=F("total")), name="document_credited_within_total"),
            models.CheckConstraint(
                condition=Q(origin="stripe") | Q(amount_paid__lte=F("total")), name="document_paid_within_total"
            ),
            models.CheckConstraint(
                condition=Q(origin="stripe")
                | ~Q(status="paid")
                | Q(paid_at__isnull=False, amount_paid__gte=F("total") - F("credited")),
                name="document_paid_in_full",
            ),
            models.CheckConstraint(
                condition=Q(origin="stripe") | Q(status="paid") | Q(amount_paid=0, paid_at=None),
                name="document_not_paid_before_it_is",
            ),
        ]

    def __str__(self) -> str:
        return self.number or f"draft of {self.created_at:%Y-%m-%d}"

    @property
    def is_credit_note(self) -> bool:
        return self.kind == self.Kind.CREDIT_NOTE

    @property
    def amount_due(self) -> int:
        """What is still to be paid."""
        return self.total - self.amount_paid - self.credited if self.status == self.Status.OPEN else 0

    @property
    def creditable(self) -> int:
        """What credit notes can still take off it."""
        able = (self.Status.OPEN, self.Status.PAID, self.Status.UNCOLLECTIBLE)
        return self.total - self.credited if self.number and self.status in able else 0

    def overdue(self, now: datetime | None = None) -> bool:
        return self.status == self.Status.OPEN and self.due_at is not None and self.due_at <= (now or clock.now())


class DocumentLine(models.Model):
    document = models.ForeignKey(Document, models.CASCADE, related_name="lines", db_index=False)
    position = models.PositiveSmallIntegerField()
    description = models.CharField(max_length=300)
    detail = models.CharField(max_length=300, blank=True)
    quantity = models.DecimalField(max_digits=18, decimal_places=6)
    unit_amount = models.DecimalField(max_digits=24, decimal_places=12)  # minor units, possibly fractions of one
    amount = models.BigIntegerField()  # quantity × unit amount, rounded half up
    discount = models.BigIntegerField(default=0)
    tax_name = models.CharField(max_length=40, blank=True)
    tax_percent = models.DecimalField(max_digits=7, decimal_places=4, default=0)
    tax = models.BigIntegerField(default=0)
    credits = models.BigIntegerField(default=0)  # nano-credits

    class Meta:
        ordering = ["document", "position"]
        constraints = [
            models.UniqueConstraint(fields=["document", "position"], name="document_line_position_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=0, unit_amount__gte=0, tax__gte=0, tax_percent__gte=0, credits__gte=0),
                name="document_line_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(discount__gte=0, discount__lte=F("amount")), name="document_line_discount_within_amount"
            ),
        ]

    def __str__(self) -> str:
        return self.description

    @property
    def net(self) -> int:
        """Without tax, after the discount. Asks for `document`."""
        return self.amount - self.discount - (self.tax if self.document.tax_included else 0)
