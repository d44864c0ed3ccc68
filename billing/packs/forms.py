"""Parsing what people choose on the Buy page."""

from typing import Any, cast

from django import forms

from accounts.forms import ServiceForm
from billing.foundation.adminforms import new_key
from billing.packs.selectors import Offer


class BuyForm(ServiceForm):
    """`key` is made with the page and stays with it: however often it is sent, it is one purchase."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=100)
    pack = forms.ChoiceField(error_messages={"required": "Choose a pack."})
    code = forms.CharField(
        label="Promotion code",
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, offers: list[Offer], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.ChoiceField, self.fields["pack"])
        field.choices = [(offer.pack.key, offer.pack.name) for offer in offers]


def fresh_key() -> str:
    return new_key()
