"""Parsing what people type about who documents are made out to."""

from django import forms

from accounts.forms import ServiceForm
from billing.invoices.countries import country_choices, tax_id_choices


class ProfileForm(ServiceForm):
    legal_name = forms.CharField(
        max_length=200,
        required=False,
        label="Legal name",
        help_text="As it stands on invoices; without it, the workspace’s name does.",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    address = forms.CharField(
        max_length=500,
        required=False,
        label="Address",
        help_text="Street, postal code and town, a line each.",
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "street-address"}),
    )
    country = forms.ChoiceField(
        choices=[("", "Choose a country"), *country_choices()],
        required=False,
        widget=forms.Select(attrs={"autocomplete": "country"}),
    )
    tax_id_type = forms.ChoiceField(
        choices=[("", "None"), *tax_id_choices()], required=False, label="Kind of tax number"
    )
    tax_id = forms.CharField(max_length=60, required=False, label="Tax number")
    email = forms.EmailField(
        required=False,
        label="E-mail for invoices",
        help_text="Without it, owners, admins and billing managers get them.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    purchase_order = forms.CharField(
        max_length=60,
        required=False,
        label="Purchase-order number",
        help_text="Printed on every invoice that has no other one.",
    )
