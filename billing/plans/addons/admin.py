"""Add-ons, and which workspace has which."""

from decimal import Decimal
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from accounts.models import User
from billing.credits.format import exact_text
from billing.credits.units import AmountOutOfRange, credits, exact_nano
from billing.foundation.admin import ReadOnlyAdmin
from billing.foundation.adminlists import FewFilter
from billing.foundation.offeradmin import OFFER_LABELS, as_customer, in_order, shown_state
from billing.plans.addons.catalogue import addon_save
from billing.plans.addons.selectors import Offer
from billing.plans.models import AddOn, AddOnChange, WorkspaceAddOn


class AddOnForm(forms.ModelForm):  # type: ignore[type-arg]
    """The price is entered in credits."""

    monthly_credits = forms.DecimalField(
        min_value=Decimal("0.000000001"),
        max_digits=19,
        decimal_places=9,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Credits a piece and month. Who has it keeps the price they have it for.",
    )

    class Meta:
        model = AddOn
        fields = (
            *("key", "name", "description", "monthly_credits", "most"),
            *("concurrency", "feature", "active", "starts_at", "ends_at", "position"),
        )
        help_texts: ClassVar = {
            "key": "The id by which the API adds it, such as “voice-cloning”.",
            "most": "Pieces that a workspace may have.",
            "concurrency": "Requests at the same time that a piece adds, kept to when a request is authorised.",
            "feature": "A text as the plan's features are, such as “Voice cloning”. Your backend asks for its slug; of"
            " several pieces it is told how many.",
            "active": "Whether it can be added, or more of it. Who has it keeps it.",
            "starts_at": "Can be added from then on (UTC). Empty: at once.",
            "ends_at": "Can be added until then (UTC). Empty: no end.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["monthly_credits"] = credits(self.instance.monthly_credits)

    def clean_monthly_credits(self) -> int:
        try:
            return exact_nano(self.cleaned_data["monthly_credits"])
        except AmountOutOfRange as error:
            raise forms.ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any] | None:
        found = super().clean() or self.cleaned_data
        if not found.get("concurrency") and not found.get("feature"):
            raise forms.ValidationError("An add-on raises something: requests at the same time, or a feature.")
        return in_order(self)


@admin.register(AddOn)
class AddOnAdmin(ModelAdmin):
    form = AddOnForm
    list_display = ("name", "key", "price", "most", "concurrency", "feature", "offered", "position")
    list_filter = ("active",)
    search_fields = ("name", "key")
    actions_detail = ("preview",)

    def get_readonly_fields(self, request: HttpRequest, obj: AddOn | None = None) -> tuple[str, ...]:
        return ("key",) if obj else ()  # the operator's clients add it by this

    def has_delete_permission(self, request: HttpRequest, obj: AddOn | None = None) -> bool:
        return False

    @display(description="On offer", label=OFFER_LABELS)
    def offered(self, addon: AddOn) -> tuple[str, str]:
        return shown_state(addon)

    @action(description="As a customer sees it", url_path="preview", icon="visibility", permissions=["view"])
    def preview(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        addon = self.get_object(request, object_id)
        if addon is None:
            raise Http404
        back = reverse("admin:plans_addon_change", args=[addon.pk])
        return as_customer(
            request, "plans/preview_addon.html", {"offer": Offer(addon, None)}, title=addon.name, back=back
        )

    @display(description="Credits a month")
    def price(self, addon: AddOn) -> str:
        return exact_text(addon.monthly_credits)

    def save_model(self, request: HttpRequest, obj: AddOn, form: Any, change: bool) -> None:
        addon_save(addon=obj, actor=cast(User, request.user), request=request)


class ChangesInline(TabularInline):
    model = AddOnChange
    fields = ("created_at", "before", "quantity", "effective_at", "charged_credits", "actor_label")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Charged")
    def charged_credits(self, change: AddOnChange) -> str:
        return exact_text(change.charged)


@admin.register(WorkspaceAddOn)
class WorkspaceAddOnAdmin(ReadOnlyAdmin):
    """What is charged, when, and why not. Changes are made by the workspace, or with the API."""

    list_display = ("workspace", "name", "quantity", "next_quantity", "state", "price", "paid_until", "suspends_at")
    list_filter = ("status", ("addon", FewFilter))
    list_select_related = ("workspace",)
    search_fields = ("workspace__name", "workspace__public_id", "workspace__external_id")
    exclude = ("monthly_credits", "tried_seq")
    readonly_fields = ("price",)
    inlines = (ChangesInline,)

    @display(
        description="Status", label={"active": "success", "short": "warning", "suspended": "danger", "ended": "info"}
    )
    def state(self, held: WorkspaceAddOn) -> str:
        return held.status

    @display(description="Credits a piece and month")
    def price(self, held: WorkspaceAddOn) -> str:
        return exact_text(held.monthly_credits)
