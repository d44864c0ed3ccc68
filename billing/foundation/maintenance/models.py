"""What each maintenance did."""

from django.db import models


class MaintenanceRun(models.Model):
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)  # NULL: it is running, or its process died
    steps = models.JSONField(default=list)  # {"what", "seconds", "before", "after", "error"}: sizes in bytes
    failed = models.PositiveIntegerField(default=0)  # steps

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"maintenance of {self.started_at:%Y-%m-%d %H:%M}"
