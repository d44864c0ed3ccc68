"""The admin's base classes, and the pages of the shared ground: audit log, outbox, due jobs."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.foundation.due.models import DueJob
from billing.foundation.due.registry import overdue
from billing.foundation.maintenance.models import MaintenanceRun
from billing.foundation.maintenance.run import in_words
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import message_send_again, needs_a_person


class ReadOnlyAdmin(ModelAdmin):
    """Rows to look at: history, or what other code writes."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor_label", "action", "target", "workspace", "reason")
    list_filter = ("action", "at")
    list_select_related = ("workspace",)
    search_fields = ("actor_label", "action", "target", "reason", "workspace__name", "workspace__public_id")
    date_hierarchy = "at"
    ordering = ("-at", "-id")
    show_full_result_count = False


class WaitingFilter(admin.SimpleListFilter):
    title = "needs a person"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Failed, or not known to have been sent")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> QuerySet[OutboxMessage]:
        return queryset.filter(needs_a_person()) if self.value() == "yes" else queryset


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """What was sent to whom and when. Not the text: it may hold codes and links that sign people in."""

    list_display = ("subject", "recipients", "kind", "state", "attempts", "created_at", "sent_at", "problem")
    list_filter = (WaitingFilter, "status", "kind")
    search_fields = ("subject", "kind", "key", "workspace__name")
    exclude = ("text", "html")
    actions = ("send_again",)
    show_full_result_count = False

    @display(description="To")
    def recipients(self, message: OutboxMessage) -> str:
        return ", ".join(message.to)

    @display(
        description="Status", label={"sent": "success", "queued": "info", "sending": "warning", "failed": "danger"}
    )
    def state(self, message: OutboxMessage) -> str:
        return message.status

    @display(description="Problem")
    def problem(self, message: OutboxMessage) -> str:
        return message.last_error[:120]

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("foundation.change_outboxmessage")

    # A list action is a form with a token, unlike a row action, which is a link.
    @action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[OutboxMessage]) -> None:
        ids = list(chosen.values_list("pk", flat=True))
        again = sum(message_send_again(message_id=pk, actor=cast(User, request.user)) for pk in ids)
        if again:
            messages.success(request, f"{again} will be sent again.")
        if len(ids) > again:
            messages.warning(
                request, f"{len(ids) - again} are sent, waiting for their time, or being sent now, and were left alone."
            )


@admin.register(MaintenanceRun)
class MaintenanceRunAdmin(ReadOnlyAdmin):
    """What the monthly maintenance did; the page of a run has its steps."""

    list_display = ("started_at", "finished_at", "count", "failed")
    fields = ("started_at", "finished_at", "failed", "steps_done")
    readonly_fields = ("steps_done",)

    @display(description="Steps")
    def count(self, run: MaintenanceRun) -> int:
        return len(run.steps)

    @display(description="Steps")
    def steps_done(self, run: MaintenanceRun) -> str:
        return format_html(
            "<ol>{}</ol>", format_html_join("", "<li>{}</li>", ((in_words(step),) for step in run.steps))
        )


@admin.register(DueJob)
class DueJobAdmin(ReadOnlyAdmin):
    list_display = ("name", "health", "last_finished_at", "last_items", "failures", "last_error")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DueJob]:
        self._late = {row.name for row in overdue(clock.now())}
        return cast("QuerySet[DueJob]", super().get_queryset(request))

    @display(description="Health", label={"on time": "success", "failing": "danger", "late": "warning"})
    def health(self, job: DueJob) -> str:
        if job.failures:
            return "failing"
        return "late" if job.name in self._late else "on time"
