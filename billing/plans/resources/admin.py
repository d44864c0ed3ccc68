"""Resources and warnings, to be looked at: the operator's backend and the clock write them."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display

from billing.credits.units import credits
from billing.foundation.admin import ReadOnlyAdmin
from billing.plans.models import Resource, ResourceQuantity, ShutdownWarning


def _plain(quantity: Decimal) -> str:
    """Without the zeros at its end."""
    return f"{quantity.normalize():,f}"


class QuantityInline(TabularInline):
    model = ResourceQuantity
    fields = ("at", "amount")
    readonly_fields = fields
    verbose_name_plural = "Quantities"
    ordering = ("at", "id")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Quantity")
    def amount(self, change: ResourceQuantity) -> str:
        return _plain(change.quantity)


@admin.register(Resource)
class ResourceAdmin(ReadOnlyAdmin):
    list_display = ("external_id", "workspace", "kind", "amount", "created_at", "deleted_at", "next_day")
    list_filter = ("kind", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("workspace",)
    search_fields = ("external_id", "name", "workspace__name", "workspace__public_id", "workspace__external_id")
    ordering = ("-id",)
    show_full_result_count = False
    exclude = ("quantity", "billed_quantity")
    readonly_fields = ("amount", "billed_amount")
    inlines = (QuantityInline,)

    @display(description="Quantity")
    def amount(self, resource: Resource) -> str:
        return _plain(resource.quantity)

    @display(description="Quantity billed for the present day")
    def billed_amount(self, resource: Resource) -> str:
        return _plain(resource.billed_quantity)


@admin.register(ShutdownWarning)
class ShutdownWarningAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "standing", "warned_at", "shutdown_at", "stopping_at", "ended_at", "a_day")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), ("stopping_at", admin.EmptyFieldListFilter))
    list_select_related = ("workspace",)
    search_fields = ("workspace__name", "workspace__public_id", "workspace__external_id")
    show_full_result_count = False

    @display(description="State", label={"over": "success", "warned": "warning", "stopping": "danger"})
    def standing(self, warning: ShutdownWarning) -> str:
        return "over" if warning.ended_at else warning.state

    @display(description="Credits a day")
    def a_day(self, warning: ShutdownWarning) -> str:
        return f"{credits(warning.daily_cost):,f}"
