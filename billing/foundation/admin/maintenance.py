"""Runs of the monthly maintenance."""

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from billing.foundation.admin.bases import ReadOnlyAdmin
from billing.foundation.maintenance.models import MaintenanceRun
from billing.foundation.maintenance.run import in_words


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
