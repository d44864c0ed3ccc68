"""Forms of what staff do with documents: sent by POST, once, with a person's confirmation."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from billing.credits import clock
from billing.credits.units import AmountOutOfRange, exact_nano
from billing.foundation.adminforms import ActionForm, checked_field, reason_field
from billing.invoices.money import minor_units
from billing.invoices.writing import Payment


class Confirmed(ActionForm):
    confirmed = checked_field()

    field_order: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields([name for name in self.fields if name != "confirmed"])  # confirmed comes last


class PaidForm(Confirmed):
    on = forms.DateField(
        label="Received on", widget=UnfoldAdminSingleDateWidget, help_text="The day on your bank statement."
    )
    method = forms.ChoiceField(
        choices=[("transfer", "Transfer"), ("cheque", "Cheque"), ("card", "Card"), ("other means", "Other")],
        widget=UnfoldAdminSelectWidget,
    )
    reference = forms.CharField(
        max_length=120, required=False, widget=UnfoldAdminTextInputWidget, help_text="What your bank calls it."
    )

    def clean_on(self) -> date:
        day: date = self.cleaned_data["on"]
        if day > clock.now().date():
            raise ValidationError("Choose today or an earlier day.")
        return day

    @property
    def payment(self) -> Payment:
        given = self.cleaned_data
        return Payment(datetime.combine(given["on"], time(), UTC), given["method"], given["reference"])


class CloseForm(Confirmed):
    status = forms.ChoiceField(
        label="As",
        choices=[("void", "Void: nothing is owed"), ("uncollectible", "Uncollectible: it will not be paid")],
        widget=UnfoldAdminSelectWidget,
    )
    reason = reason_field()


class SendForm(ActionForm):
    to = forms.EmailField(
        required=False,
        widget=UnfoldAdminEmailInputWidget,
        help_text="Empty: who gets the customer's documents.",
    )


class CreditForm(Confirmed):
    amount = forms.DecimalField(
        min_value=Decimal("0.001"),
        max_digits=18,
        decimal_places=3,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="With tax, in the currency of the invoice.",
    )
    credits = forms.DecimalField(
        min_value=0,
        max_digits=19,
        decimal_places=9,
        initial=0,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Credits that are taken back with it. What is spent of them becomes debt.",
    )
    reason = reason_field("Printed on the credit note; kept in the audit log.")
    paid_back = forms.CharField(
        label="Paid back by",
        max_length=40,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="How the money went back, such as “transfer”. Empty: none did.",
    )
    reference = forms.CharField(max_length=120, required=False, widget=UnfoldAdminTextInputWidget)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency

    def clean_amount(self) -> int:
        """In minor units."""
        minor = minor_units(self.cleaned_data["amount"], self.currency)
        if minor != minor.to_integral_value():
            raise ValidationError(f"{self.currency.upper()} has no such fractions.")
        return int(minor)

    def clean_credits(self) -> int:
        """In nano-credits."""
        try:
            return exact_nano(self.cleaned_data["credits"])
        except AmountOutOfRange as error:
            raise ValidationError(str(error)) from None

    @property
    def payment(self) -> Payment | None:
        given = self.cleaned_data
        return Payment(clock.now(), given["paid_back"], given["reference"]) if given["paid_back"] else None
