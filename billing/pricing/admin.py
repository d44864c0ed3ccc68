"""The operator's view of prices: read-only lines, decisions on held ones, and markups that are only ever added."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from accounts.models import User
from billing.pricing import admin_terms, approvals, services
from billing.pricing.adminsources import PriceImportAdmin, PriceSourceAdmin
from billing.pricing.display import published_text
from billing.pricing.models import CatalogModel, Markup, Meter, PriceImport, PriceLine, PriceSource

__all__ = ["admin_terms"]  # registers what customers agree on

INSTANT = "%-d\u00a0%b\u00a0%Y, %H:%M"


class _Kept(ModelAdmin):
    """Rows that are history: looked at, never edited or deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(CatalogModel)
class CatalogModelAdmin(_Kept):
    list_display = ("model", "provider", "modality", "context_window", "source", "retired_at")
    list_filter = ("modality", "source", "provider")
    search_fields = ("provider", "model", "name")


@admin.register(PriceLine)
class PriceLineAdmin(_Kept):
    list_display = ("sold", "meter", "variant", "usd", "in_force", "state", "source", "reason")
    list_filter = ("status", "source", "meter")
    search_fields = ("provider", "model", "meter")
    list_select_related = ("imported",)
    show_full_result_count = False
    actions = ("approve", "reject")

    @display(description="Model")
    def sold(self, line: PriceLine) -> str:
        return f"{line.provider}/{line.model}" if line.model else "the platform"

    @display(description="Variant")
    def variant(self, line: PriceLine) -> str:
        return line.dims_key

    @display(description="Price")
    def usd(self, line: PriceLine) -> str:
        return published_text(line.price, line.per, line.unit).replace(" ", "\u00a0")

    @display(description="In force")
    def in_force(self, line: PriceLine) -> str:
        since = f"{line.effective_from:{INSTANT}}" if line.effective_from else "ever"
        return f"since\u00a0{since}" + (f" until\u00a0{line.effective_to:{INSTANT}}" if line.effective_to else "")

    @display(description="State", label={"active": "success", "pending": "warning", "rejected": "danger"})
    def state(self, line: PriceLine) -> str:
        return line.status

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("pricing.change_priceline")

    # List actions are forms with a token, unlike unfold's row actions, which are links.
    @action(description="Approve: charge the new price", permissions=["decide"])
    def approve(self, request: HttpRequest, lines: QuerySet[PriceLine]) -> None:
        ids = lines.values_list("pk", flat=True)
        done, problems = approvals.prices_approve(line_ids=ids, by=cast(User, request.user))
        messages.success(request, approvals.approved_in_words(done))
        for problem in problems[:10]:
            messages.warning(request, problem)

    @action(description="Reject: keep the price in force", permissions=["decide"])
    def reject(self, request: HttpRequest, lines: QuerySet[PriceLine]) -> None:
        waiting = lines.filter(status=PriceLine.Status.PENDING).values_list("pk", flat=True)
        done, _ = approvals.prices_reject(line_ids=waiting, by=cast(User, request.user))
        messages.success(request, f"{done:,} prices rejected; what was in force stays.")


class MarkupForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Markup
        fields = ("provider", "model", "percent", "effective_from")
        help_texts = {
            "provider": "Empty: everything.",
            "model": "Empty: all models of the provider.",
            "percent": "Over cost: with 20, what costs you $1.00 costs customers $1.20.",
            "effective_from": "UTC, a minute from now at the earliest. Empty: then.",
        }


@admin.register(Markup)
class MarkupAdmin(ModelAdmin):
    """Added, never changed: a new percent starts a minute from now or later, and history keeps the old one."""

    list_display = ("provider_or_all", "model", "percent", "effective_from", "created_at")
    list_filter = ("provider",)
    search_fields = ("provider", "model")
    form = MarkupForm

    @display(description="Provider")
    def provider_or_all(self, markup: Markup) -> str:
        return markup.provider or "everything"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Markup, form: Any, change: bool) -> None:
        added = approvals.markup_add(
            percent=obj.percent,
            provider=obj.provider,
            model=obj.model,
            effective_from=obj.effective_from,
            by=cast(User, request.user),
        )
        obj.pk, obj.effective_from = added.pk, added.effective_from


class MeterForm(forms.ModelForm):  # type: ignore[type-arg]
    """How a meter counts is settled when it is added: what was charged by it before would not fit otherwise."""

    class Meta:
        model = Meter
        fields = ("key", "label", "unit", "aggregation", "contained_in", "platform", "position")
        help_texts = {
            "key": "What usage names, such as robot_hours. It never changes.",
            "label": "What customers read, such as Robot hours.",
            "unit": "One of it, such as hour.",
            "aggregation": "How an event counts. It never changes.",
            "contained_in": "The meter whose quantity this one is a part of, as cached tokens are of input tokens.",
            "platform": "Counted without a model, as messages and container days are.",
            "position": "In lists, lower ones come first.",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        parent, aggregation = data.get("contained_in"), data.get("aggregation", Meter.Aggregation.SUM)
        if parent is not None and parent.aggregation != Meter.Aggregation.SUM:
            self.add_error("contained_in", "Only a meter that is summed can contain another one.")
        if parent is not None and aggregation != Meter.Aggregation.SUM:
            self.add_error("aggregation", "A part of another meter is summed.")
        if aggregation != Meter.Aggregation.SUM and PriceLine.objects.filter(meter=data.get("key")).exists():
            self.add_error("aggregation", "It has prices already and is summed by them. Add a meter with another key.")
        return data


@admin.register(Meter)
class MeterAdmin(ModelAdmin):
    """Operators add meters of their own; a key is what usage names, so it never changes."""

    form = MeterForm
    list_display = ("key", "label", "unit", "aggregation", "contained_in", "platform", "position")
    list_filter = ("platform", "aggregation", "unit")
    search_fields = ("key", "label")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("key", "unit", "aggregation", "contained_in", "platform") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Meter, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        services.changed()


admin.site.register(PriceSource, PriceSourceAdmin)
admin.site.register(PriceImport, PriceImportAdmin)
