"""Parsing what people choose on the pages of their plan."""

from decimal import Decimal
from typing import Any, cast

from django import forms

from accounts.forms import ServiceForm
from billing.foundation.adminforms import new_key
from billing.invoices.money import money_text
from billing.plans.models import CreditTier, Interval
from billing.plans.subscribing.choices import price_of
from billing.plans.subscribing.words import amount


class ChooseForm(ServiceForm):
    """`key` is made with the page and stays with it: however often it is sent, it is one preview."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=100)
    plan = forms.SlugField(max_length=40)
    tier = forms.IntegerField(min_value=0, max_value=32_767, required=False)
    interval = forms.ChoiceField(choices=Interval.choices, required=False)
    newest = forms.BooleanField(required=False)  # of the plan that the workspace is on, in place of its version


class KeyForm(ServiceForm):
    key = forms.CharField(widget=forms.HiddenInput, max_length=100)


class AgreeForm(ServiceForm):
    """What automatic upgrades may do."""

    highest = forms.TypedChoiceField(label="Highest tier", coerce=int)
    most = forms.DecimalField(
        label="Most to spend in a calendar month",
        min_value=Decimal("0.01"),
        max_digits=8,
        decimal_places=2,
        help_text="In US dollars: what automatic upgrades may charge from the first to the last day of a month (UTC).",
    )
    agreed = forms.BooleanField(label="I agree to this", required=True)

    def __init__(self, *args: Any, tiers: list[CreditTier], interval: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.TypedChoiceField, self.fields["highest"])
        field.choices = [(tier.number, _sold(tier, interval)) for tier in tiers]


def _sold(tier: CreditTier, interval: str) -> str:
    """With its price for the time that the workspace pays for at once."""
    price = money_text(price_of(tier.version, tier, interval) or 0, "usd")
    return f"Tier {tier.number}: {amount(tier.monthly_credits)} a month for {price} a {interval}"


def fresh_key() -> str:
    return new_key()
