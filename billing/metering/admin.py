"""Staff read usage; nobody edits it."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from billing.credits.units import credits
from billing.foundation.admin import ReadOnlyAdmin
from billing.metering.models import Allowance, EventArchive, UsageEvent

MOST_COUNTED = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than anyone pages: counting a table of this size would read all of it."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list[:MOST_COUNTED]
        return rows.count() if isinstance(rows, QuerySet) else len(rows)


class UnratedFilter(admin.SimpleListFilter):
    title = "rating"
    parameter_name = "unrated"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("any", "Unrated"), ("unknown_model", "Unknown model"), ("unknown_meter", "Unknown meter")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[UsageEvent]) -> QuerySet[UsageEvent]:
        if self.value() == "any":
            return queryset.exclude(problem="")
        return queryset.filter(problem=self.value()) if self.value() else queryset


@admin.register(UsageEvent)
class UsageEventAdmin(ReadOnlyAdmin):
    list_display = ("event_id", "workspace", "model_ref", "charged", "given_back", "problem", "late", "occurred_at")
    list_filter = (UnratedFilter,)
    search_fields = ("=event_id", "=workspace__public_id", "=workspace__external_id")
    search_help_text = "Event id, or workspace by id or external id, exactly"
    list_select_related = ("workspace", "reversal")
    ordering = ("-id",)
    paginator = CappedPaginator
    show_full_result_count = False

    @admin.display(description="Model")
    def model_ref(self, event: UsageEvent) -> str:
        return "/".join(part for part in (event.provider, event.model) if part)

    @admin.display(description="Credits", ordering="amount")
    def charged(self, event: UsageEvent) -> str:
        return f"{credits(event.amount):f}"

    @admin.display(description="Given back")
    def given_back(self, event: UsageEvent) -> str:
        return f"{credits(event.reversed.amount):f}" if event.reversed else ""


@admin.register(EventArchive)
class EventArchiveAdmin(ReadOnlyAdmin):
    """Files with details of old events; `manage.py event_archive` verifies and prints them."""

    list_display = ("file", "workspace", "month", "events", "created_at", "thinned_at")
    search_fields = ("=workspace__public_id", "=workspace__external_id")
    list_select_related = ("workspace",)
    ordering = ("-month", "workspace", "part")
    exclude = ("sha256",)


@admin.register(Allowance)
class AllowanceAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "meter", "included", "used", "starts_at", "ends_at")
    list_filter = ("meter",)
    search_fields = ("=workspace__public_id", "=workspace__external_id")
    list_select_related = ("workspace",)
    ordering = ("-starts_at", "-id")
