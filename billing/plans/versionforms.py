"""The form of a version of a plan. Amounts are entered in credits, prices in US cents."""

from typing import Any

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.forms.models import model_to_dict
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextareaWidget

from billing.credits.units import AmountOutOfRange, credits, exact_nano
from billing.plans.ladder import EXAMPLE, ladder_problems, tiers_read, tiers_written
from billing.plans.models import CreditTier, PlanVersion
from billing.plans.publishing import check_quantities, draft_hold
from billing.plans.terms import DISCOUNT, TIERS, check_discounts, check_tiers


def _credits_field(**more: Any) -> forms.DecimalField:
    return forms.DecimalField(
        min_value=0, max_digits=19, decimal_places=9, widget=UnfoldAdminDecimalFieldWidget, **more
    )


class LinesField(SimpleArrayField):
    """One item a line, for items that may have commas in them; empty lines count for nothing."""

    def __init__(self, base_field: forms.Field, **more: Any) -> None:
        super().__init__(base_field, delimiter="\n", **more)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            value = "\n".join(line for line in value.splitlines() if line.strip())
        return super().to_python(value)


class PlanVersionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Amounts are entered in credits."""

    monthly_credits = _credits_field(initial=0)
    rollover_cap = _credits_field(
        required=False, help_text="Most credits that earlier months leave to a new one. Empty: all that may roll over."
    )
    overdraft = _credits_field(initial=0, help_text="Credits that requests may go below zero.")
    credit_tiers = forms.JSONField(
        required=False,
        initial=list,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=f"The ladder above these credits and this price, the lowest first, prices in US dollars: {EXAMPLE}",
    )

    features = LinesField(
        forms.CharField(max_length=120),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text="What the plan's card lists, one a line. Your backend can ask for each of them.",
    )

    class Meta:
        model = PlanVersion
        fields = (
            "plan",
            "monthly_price_cents",
            "yearly_price_cents",
            "trial_days",
            "periods",
            "monthly_credits",
            "rollover_months",
            "rollover_cap",
            "credit_tiers",
            "credit_price",
            "allowances",
            "request_limits",
            "qualities",
            "overdraft",
            "concurrency",
            "features",
            "intended_for",
            "support",
            "sla",
            "discounts",
            "tiers",
        )
        help_texts = {
            "monthly_price_cents": "US cents.",
            "yearly_price_cents": "US cents for twelve months. Credits come by the month all the same. Empty: not sold"
            " by the year.",
            "periods": "Of calendar months the first one is given for the part that is left of it.",
            "rollover_months": "How many periods longer than their own unused credits stay.",
            "credit_price": "US dollars for a credit that customers of this version buy. Empty: the face value.",
            "allowances": 'Included per period before credits are used: {"input_characters": "1000"}',
            "request_limits": 'Most per request: {"input_characters": "500"}',
            "qualities": "Allowed qualities, separated by commas. Empty: all.",
            "concurrency": "Requests at the same time: open holds, when one is authorised. Empty: as many as wanted.",
            "discounts": f"Percent off the marked-up price, of everything or of a part: {DISCOUNT}",
            "tiers": f"Steps by the quantity of a calendar month: {TIERS}. A step may have its own “price” and “per”.",
            "support": "As customers read it: “E-mail, within one business day”.",
            "sla": "As customers read it: “99.9 % a month”.",
        }
        widgets = {
            "allowances": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "request_limits": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "discounts": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "tiers": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial = {**self.initial, **written(self.instance)}

    def clean(self) -> dict[str, Any] | None:
        found = super().clean()
        if self.instance.pk:
            draft_hold(self.instance.pk)
        return found

    def clean_monthly_credits(self) -> int:
        return self._nano("monthly_credits")

    def clean_overdraft(self) -> int:
        return self._nano("overdraft")

    def clean_rollover_cap(self) -> int | None:
        return None if self.cleaned_data["rollover_cap"] is None else self._nano("rollover_cap")

    def clean_credit_tiers(self) -> list[CreditTier]:
        return tiers_read(self.cleaned_data["credit_tiers"] or [])

    def clean_allowances(self) -> dict[str, str]:
        return check_quantities(self.cleaned_data["allowances"])

    def clean_request_limits(self) -> dict[str, str]:
        return check_quantities(self.cleaned_data["request_limits"])

    def clean_discounts(self) -> list[dict[str, Any]]:
        return check_discounts(self.cleaned_data["discounts"] or [])

    def clean_tiers(self) -> list[dict[str, Any]]:
        return check_tiers(self.cleaned_data["tiers"] or [])

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not self.errors and (problems := ladder_problems(self.instance, self.cleaned_data["credit_tiers"])):
            self.add_error("credit_tiers", problems)

    def _nano(self, name: str) -> int:
        try:
            return exact_nano(self.cleaned_data[name])
        except AmountOutOfRange as error:
            raise forms.ValidationError(str(error)) from None


def written(version: PlanVersion) -> dict[str, Any]:
    """Everything that a version says, as the form shows it."""
    found = model_to_dict(version, fields=PlanVersionForm.Meta.fields)
    for name in ("monthly_credits", "overdraft", "rollover_cap"):
        nano = getattr(version, name)
        found[name] = None if nano is None else credits(nano)
    return found | {"credit_tiers": tiers_written(version.credit_tiers.all())}
