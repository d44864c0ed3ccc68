"""The seller's data, saved through the service, which validates and audits; and customers' billing details."""

import re
from decimal import Decimal
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.models import User
from billing.foundation.admin import ReadOnlyAdmin
from billing.foundation.onerow import OneRowAdmin
from billing.invoices.models import BillingProfile, Seller
from billing.invoices.seller import seller_update


class SellerForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Seller
        fields = (
            *("legal_name", "address", "country", "tax_id", "email", "website", "logo_text", "footer"),
            *("bank_details", "net_days", "invoice_prefix", "credit_note_prefix"),
            *("tax_name", "tax_percent", "reverse_charge_note"),
        )
        labels: ClassVar = {
            "legal_name": "Legal name",
            "tax_id": "Tax number",
            "email": "E-mail",
            "logo_text": "Name at the head",
            "footer": "Foot of every page",
            "bank_details": "Bank details",
            "net_days": "Days to pay",
            "invoice_prefix": "Numbers of invoices begin with",
            "credit_note_prefix": "Numbers of credit notes begin with",
            "tax_name": "Name of the tax",
            "tax_percent": "Tax in percent",
            "reverse_charge_note": "Sentence for reverse charge",
        }
        help_texts: ClassVar = {
            "legal_name": "Empty: the product's name.",
            "email": "Answers to invoices go there.",
            "logo_text": "Empty: the product's name.",
            "footer": "Register entry, managing directors: what your law asks for.",
            "bank_details": "Printed on custom invoices until they are paid.",
            "net_days": "Of a custom invoice, unless it says otherwise.",
            "invoice_prefix": "INV makes INV-2026-000123. Another prefix begins a series of its own.",
            "tax_name": "Such as VAT.",
            "tax_percent": "Contained in the prices of packs; of a custom invoice, unless it says otherwise.",
            "reverse_charge_note": "Printed on custom invoices whose recipient accounts for the tax.",
        }
        widgets: ClassVar = {
            name: UnfoldAdminTextareaWidget(attrs={"rows": 3}) for name in ("address", "footer", "bank_details")
        }

    def clean_tax_percent(self) -> Decimal:
        percent: Decimal = self.cleaned_data["tax_percent"]
        if not 0 <= percent <= 100:
            raise forms.ValidationError("From 0 to 100. 0: no tax is charged.")
        return percent

    def clean_invoice_prefix(self) -> str:
        return self._prefix("invoice_prefix")

    def clean_credit_note_prefix(self) -> str:
        prefix = self._prefix("credit_note_prefix")
        if prefix == self.cleaned_data.get("invoice_prefix"):
            raise forms.ValidationError("Credit notes need another one than invoices: each counts by itself.")
        return prefix

    def _prefix(self, name: str) -> str:
        prefix = str(self.cleaned_data[name]).upper()
        if not re.fullmatch("[A-Z0-9]([A-Z0-9-]{0,10}[A-Z0-9])?", prefix):
            raise forms.ValidationError("Letters, digits and dashes only, without a dash at either end.")
        return prefix


@admin.register(Seller)
class SellerAdmin(OneRowAdmin):
    form = SellerForm
    fieldsets = (
        ("Who you are", {"fields": ("legal_name", "address", "country", "tax_id", ("email", "website"))}),
        ("On paper", {"fields": ("logo_text", "footer")}),
        ("Numbers", {"fields": (("invoice_prefix", "credit_note_prefix"),)}),
        ("Tax", {"fields": (("tax_name", "tax_percent"), "reverse_charge_note")}),
        ("Custom invoices", {"fields": ("bank_details", "net_days")}),
    )

    def save_model(self, request: HttpRequest, obj: Seller, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        seller_update(changes=changes, actor=cast(User, request.user), request=request)


@admin.register(BillingProfile)
class BillingProfileAdmin(ReadOnlyAdmin):
    """Customers write it themselves."""

    list_display = ("workspace", "legal_name", "country", "tax_id", "email", "updated_at")
    list_filter = ("country",)
    list_select_related = ("workspace",)
    search_fields = ("workspace__name", "workspace__public_id", "legal_name", "tax_id", "email")
