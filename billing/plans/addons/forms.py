"""Parsing what people choose on the page of an add-on."""

from datetime import datetime

from django import forms
from django.utils.dateparse import parse_datetime

from accounts.forms import ServiceForm
from billing.plans.addons.selectors import Offer


class QuantityForm(ServiceForm):
    quantity = forms.IntegerField(min_value=0, max_value=10**6, label="How many")

    def __init__(self, *args: object, offer: Offer, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["quantity"].help_text = f"Up to {offer.most}."


class ConfirmForm(ServiceForm):
    """`key` is made with the page and stays with it: however often it is sent, it is one change. `at` and `charged` are
    what the preview said.
    """

    quantity = forms.IntegerField(min_value=0, max_value=10**6)
    key = forms.CharField(max_length=100)
    at = forms.CharField(max_length=40)
    charged = forms.IntegerField(min_value=0)

    def clean_at(self) -> datetime:
        try:
            at = parse_datetime(self.cleaned_data["at"])
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise forms.ValidationError("This is no time.")
        return at
