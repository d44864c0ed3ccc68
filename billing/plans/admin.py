"""Plans: a published version never changes; a change is a new version, for those who subscribe from then on."""

from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextareaWidget

from accounts.models import User
from billing.credits.units import AmountOutOfRange, credits, exact_nano
from billing.foundation.admin import ReadOnlyAdmin
from billing.plans.models import Plan, PlanVersion, SignupGrant, Subscription
from billing.plans.publishing import check_quantities, version_publish
from billing.plans.terms import DISCOUNT, TIERS, check_discounts, check_tiers


@admin.register(Plan)
class PlanAdmin(ModelAdmin):
    list_display = ("name", "key", "position")
    search_fields = ("name", "key")

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> tuple[str, ...]:
        return ("key",) if obj else ()  # it is named in settings, commands and by the operator's backend

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        return False


class PlanVersionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Amounts are entered in credits."""

    monthly_credits = forms.DecimalField(
        min_value=0, max_digits=19, decimal_places=9, initial=0, widget=UnfoldAdminDecimalFieldWidget
    )
    overdraft = forms.DecimalField(
        min_value=0,
        max_digits=19,
        decimal_places=9,
        initial=0,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Credits that requests may go below zero.",
    )

    class Meta:
        model = PlanVersion
        fields = (
            "plan",
            "monthly_price_cents",
            "monthly_credits",
            "rollover_months",
            "allowances",
            "request_limits",
            "qualities",
            "overdraft",
            "concurrency",
            "features",
            "intended_for",
            "discounts",
            "tiers",
        )
        help_texts = {
            "monthly_price_cents": "US cents.",
            "rollover_months": "How many periods longer than their own unused credits stay.",
            "allowances": 'Included per period before credits are used: {"input_characters": "1000"}',
            "request_limits": 'Most per request: {"input_characters": "500"}',
            "qualities": "Allowed qualities, separated by commas. Empty: all.",
            "concurrency": "Requests at the same time, told to your backend by the API. Empty: as many as wanted.",
            "discounts": f"Percent off the marked-up price, of everything or of a part: {DISCOUNT}",
            "tiers": f"Steps by the quantity of a calendar month: {TIERS}. A step may have its own “price” and “per”.",
            "features": "What the plan's card lists, separated by commas. Your backend can ask for each of them.",
        }
        widgets = {
            "allowances": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "request_limits": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "discounts": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "tiers": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        }

    def clean_monthly_credits(self) -> int:
        return self._nano("monthly_credits")

    def clean_overdraft(self) -> int:
        return self._nano("overdraft")

    def clean_allowances(self) -> dict[str, str]:
        return check_quantities(self.cleaned_data["allowances"])

    def clean_request_limits(self) -> dict[str, str]:
        return check_quantities(self.cleaned_data["request_limits"])

    def clean_discounts(self) -> list[dict[str, Any]]:
        return check_discounts(self.cleaned_data["discounts"] or [])

    def clean_tiers(self) -> list[dict[str, Any]]:
        return check_tiers(self.cleaned_data["tiers"] or [])

    def _nano(self, name: str) -> int:
        try:
            return exact_nano(self.cleaned_data[name])
        except AmountOutOfRange as error:
            raise forms.ValidationError(str(error)) from None


@admin.register(PlanVersion)
class PlanVersionAdmin(ModelAdmin):
    form = PlanVersionForm
    list_display = ("plan", "number", "price", "credits_a_month", "rollover_months", "published_at")
    list_filter = ("plan",)
    list_select_related = ("plan",)

    def has_change_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        return False

    @admin.display(description="Price a month")
    def price(self, version: PlanVersion) -> str:
        return f"${Decimal(version.monthly_price_cents) / 100:,.2f}"

    @admin.display(description="Credits a month")
    def credits_a_month(self, version: PlanVersion) -> str:
        return f"{credits(version.monthly_credits):,f}"

    def save_model(self, request: HttpRequest, obj: PlanVersion, form: Any, change: bool) -> None:
        version_publish(version=obj, actor=cast(User, request.user), request=request)


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "version", "anchor", "period", "next_period_at")
    list_filter = ("version__plan",)
    list_select_related = ("workspace", "version__plan")
    search_fields = ("workspace__name", "workspace__public_id", "workspace__external_id")


@admin.register(SignupGrant)
class SignupGrantAdmin(ReadOnlyAdmin):
    list_display = ("user", "workspace", "granted_at")
    list_select_related = ("user", "workspace")
    search_fields = ("user__email", "workspace__name")
