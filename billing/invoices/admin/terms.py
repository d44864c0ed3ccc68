"""The form of a custom invoice: its terms and its lines."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Workspace
from accounts.selectors.lookup import workspace_by_either_id
from billing.credits.units import AmountOutOfRange, credits, exact_nano
from billing.foundation.adminforms import ActionForm
from billing.invoices.custom import Terms
from billing.invoices.models import Document
from billing.invoices.money import LineInput, Tax, major, minor_units, places
from billing.invoices.seller import seller

ADDED, INCLUDED, REVERSED = "added", "included", "reversed"
MOST_LINES = 200
SPARE_LINES = 4  # empty rows below those that are filled in


class TermsForm(ActionForm):
    workspace = forms.CharField(
        max_length=120, widget=UnfoldAdminTextInputWidget, help_text="Its id (ws_…), or your own id of the customer."
    )
    currency = forms.RegexField(
        r"^[A-Za-z]{3}$", initial="USD", widget=UnfoldAdminTextInputWidget, help_text="ISO code, such as USD or EUR."
    )
    taxed = forms.ChoiceField(
        label="Tax",
        choices=[
            (ADDED, "Is added to the prices"),
            (INCLUDED, "Is included in the prices"),
            (REVERSED, "Reverse charge: the recipient accounts for it"),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    tax_name = forms.CharField(max_length=40, required=False, widget=UnfoldAdminTextInputWidget)
    tax_percent = forms.DecimalField(
        min_value=0, max_value=100, max_digits=7, decimal_places=4, widget=UnfoldAdminDecimalFieldWidget
    )
    net_days = forms.IntegerField(label="Days to pay", min_value=0, max_value=365, widget=UnfoldAdminIntegerFieldWidget)
    purchase_order = forms.CharField(
        max_length=60,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Empty: the one of the customer's billing details.",
    )
    credit_days = forms.IntegerField(
        label="Days that the credits can be used",
        min_value=1,
        max_value=36_500,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="From the payment on. Empty: they never expire.",
    )
    notes = forms.CharField(
        max_length=1000, required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), help_text="Printed on it."
    )

    def clean_workspace(self) -> Workspace:
        found: Workspace | None = workspace_by_either_id(self.cleaned_data["workspace"].strip())
        if found is None:
            raise ValidationError("There is no workspace with this id.")
        return found

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).lower()

    @property
    def tax(self) -> Tax:
        given = self.cleaned_data
        if given["taxed"] == REVERSED:
            return Tax(given["tax_name"], reverse_charge=True)
        return Tax(given["tax_name"], given["tax_percent"], included=given["taxed"] == INCLUDED)

    def terms(self, lines: list[LineInput]) -> Terms:
        given = self.cleaned_data
        return Terms(
            lines=lines,
            tax=self.tax,
            currency=given["currency"],
            net_days=given["net_days"],
            purchase_order=given["purchase_order"],
            notes=given["notes"],
            credit_days=given["credit_days"],
        )


class LineForm(forms.Form):
    description = forms.CharField(max_length=300, required=False, widget=UnfoldAdminTextInputWidget)
    quantity = forms.DecimalField(
        min_value=0, max_digits=18, decimal_places=6, required=False, widget=UnfoldAdminDecimalFieldWidget
    )
    unit_price = forms.DecimalField(
        min_value=0, max_digits=20, decimal_places=10, required=False, widget=UnfoldAdminDecimalFieldWidget
    )
    credits = forms.DecimalField(
        min_value=0, max_digits=19, decimal_places=9, required=False, widget=UnfoldAdminDecimalFieldWidget
    )
    percent = forms.DecimalField(
        label="Other tax, percent",
        min_value=0,
        max_value=100,
        max_digits=7,
        decimal_places=4,
        required=False,
        widget=UnfoldAdminDecimalFieldWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        number = str(self.prefix).rpartition("-")[2]  # counted from 0 by the formset
        for name, field in self.fields.items():
            what = str(field.label or name.replace("_", " ").capitalize())
            line = int(number) + 1 if number.isdigit() else number
            field.widget.attrs["aria-label"] = f"{what} of line {line}"

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if self.blank:
            return given
        if not given.get("description"):
            self.add_error("description", "Say what it is for.")
        if given.get("unit_price") is None and "unit_price" not in self.errors:
            self.add_error("unit_price", "Say what one costs.")
        try:
            exact_nano(given.get("credits") or Decimal(0))
        except AmountOutOfRange as error:
            self.add_error("credits", str(error))
        return given

    @property
    def blank(self) -> bool:
        """A row that nobody filled in; a quantity alone makes no line."""
        return not any(self.cleaned_data.get(name) is not None for name in ("unit_price", "credits")) and not (
            self.cleaned_data.get("description")
        )

    def line(self, currency: str, tax: Tax) -> LineInput:
        given = self.cleaned_data
        other = given["percent"]
        quantity = given["quantity"]
        return LineInput(
            given["description"],
            minor_units(given["unit_price"], currency),
            quantity=Decimal(1) if quantity is None else quantity,
            credits=exact_nano(given["credits"] or Decimal(0)),
            tax=None if other is None or tax.reverse_charge else Tax(tax.name, other, included=tax.included),
        )


LineForms = forms.formset_factory(LineForm, extra=SPARE_LINES, max_num=MOST_LINES, validate_max=True)


def lines_of(forms_of_lines: Any, currency: str, tax: Tax) -> list[LineInput]:
    return [form.line(currency, tax) for form in forms_of_lines if not form.blank]


def new_terms(workspace: str) -> dict[str, Any]:
    """What a new invoice begins with."""
    ours = seller()
    return {
        "workspace": workspace,
        "currency": "USD",
        "tax_name": ours.tax_name,
        "tax_percent": _plain(ours.tax_percent),
        "net_days": ours.net_days,
    }


def terms_of(draft: Document) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The initial values of both forms."""
    lines = list(draft.lines.order_by("position"))
    first = lines[0] if lines else None
    rate = max((line.tax_percent for line in lines), default=Decimal(0))
    taxed = REVERSED if draft.reverse_charge else INCLUDED if draft.tax_included else ADDED
    terms = {
        "workspace": draft.workspace.public_id,
        "currency": draft.currency.upper(),
        "taxed": taxed,
        "tax_name": first.tax_name if first else "",
        "tax_percent": _plain(rate),
        "net_days": draft.net_days,
        "purchase_order": draft.purchase_order,
        "credit_days": draft.credit_days,
        "notes": draft.notes,
    }
    rows = [
        {
            "description": line.description,
            "quantity": _plain(line.quantity),
            "unit_price": _plain(major(line.unit_amount, draft.currency), places(draft.currency)),
            "credits": _plain(credits(line.credits)) if line.credits else None,
            "percent": _plain(line.tax_percent) if line.tax_percent != rate else None,
        }
        for line in lines
    ]
    return terms, rows


def _plain(value: Decimal, least: int = 0) -> str:
    whole, _, part = f"{value:f}".partition(".")
    part = part.rstrip("0").ljust(least, "0")
    return f"{whole}.{part}" if part else whole
