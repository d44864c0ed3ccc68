"""Staff see what people were told about usage."""

from django.contrib import admin

from billing.alerts.usage.models import UsageAlert
from billing.foundation.admin import ReadOnlyAdmin


@admin.register(UsageAlert)
class UsageAlertAdmin(ReadOnlyAdmin):
    list_display = ("at", "workspace", "alert", "line", "told", "mailed_at")
    list_filter = ("alert", "told", "at")
    list_select_related = ("workspace",)
    search_fields = ("workspace__name", "workspace__public_id", "workspace__external_id")
    ordering = ("-id",)
    show_full_result_count = False
    fields = ("at", "workspace", "alert", "line", "told", "mailed_at", "key")
