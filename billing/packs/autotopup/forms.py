"""Parsing what people set about automatic top-ups."""

from decimal import Decimal
from typing import Any, cast

from django import forms

from accounts.errors import Refused
from accounts.forms import Radios, ServiceForm
from billing.credits.units import AmountOutOfRange, credits, exact_nano
from billing.foundation.site.selectors import site
from billing.packs.autotopup.models import AutoTopUp
from billing.packs.autotopup.sizing import Terms, cents_for, nano_per_cent
from billing.packs.cards import ShownCard

Unit = AutoTopUp.Unit


def card_name(card: ShownCard) -> str:
    return f"{card.brand} card ending in {card.last4}"


def _dollars(label: str, text: str) -> forms.DecimalField:
    return forms.DecimalField(label=label, max_digits=8, decimal_places=2, min_value=Decimal("0.5"), help_text=text)


class TermsForm(ServiceForm):
    threshold = forms.DecimalField(
        label="When the balance falls below",
        max_digits=19,
        decimal_places=9,
        min_value=0,
        help_text="Credits. What is on hold counts as there, what is owed is taken off.",
    )
    amount = forms.DecimalField(
        label="Charge",
        max_digits=19,
        decimal_places=9,
        min_value=0,
        help_text="As often as it takes to be above that balance, in one charge.",
    )
    amount_in = forms.ChoiceField(label="That is an amount of", choices=Unit.choices, widget=Radios)
    target = forms.DecimalField(
        label="Or up to a balance of",
        max_digits=19,
        decimal_places=9,
        min_value=0,
        required=False,
        help_text="Credits. If you fill this in, the charge is what is missing to it.",
    )
    day_cap = _dollars("At most a day", "US dollars that may be charged automatically on a day.")
    month_cap = _dollars("At most a month", "US dollars that may be charged automatically in a calendar month.")
    method = forms.ChoiceField(label="Card", error_messages={"required": "Choose a card."})
    shown = forms.CharField(widget=forms.HiddenInput, required=False, max_length=2_000)  # the agreement on the page
    agreed = forms.BooleanField(label="I agree to this", required=False)

    def __init__(self, *args: Any, cards: list[ShownCard], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.ChoiceField, self.fields["method"])
        field.choices = [(card.id, card_name(card)) for card in cards if card.state != "expired"]

    def terms(self) -> Terms:
        """Raises Refused for amounts that the ledger cannot hold."""
        given, rate = self.cleaned_data, nano_per_cent(site().usd_per_credit)
        if given["amount_in"] == Unit.MONEY:
            cents = given["amount"] * 100
            if cents != int(cents):
                raise Refused("Write dollars and whole cents.", field="amount")
            amount = int(cents) * rate
        else:
            amount = self._nano("amount")
        target = self._nano("target") if given["target"] is not None else None
        caps = int(given["day_cap"] * 100), int(given["month_cap"] * 100)
        return Terms(self._nano("threshold"), amount, target, *caps)

    def _nano(self, name: str) -> int:
        try:
            return exact_nano(self.cleaned_data[name])
        except AmountOutOfRange as error:
            raise Refused("This is more than can be counted.", field=name) from error


def initial_of(row: AutoTopUp, method: str) -> dict[str, Any]:
    rate = site().usd_per_credit
    money = row.amount_in == Unit.MONEY
    return {
        "threshold": credits(row.threshold),
        "amount": Decimal(cents_for(row.amount, rate)) / 100 if money else credits(row.amount),
        "amount_in": row.amount_in,
        "target": None if row.target is None else credits(row.target),
        "day_cap": Decimal(row.day_cap) / 100,
        "month_cap": Decimal(row.month_cap) / 100,
        "method": method,
    }
