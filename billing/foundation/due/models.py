"""What each periodic job did last."""

from django.db import models


class DueJob(models.Model):
    name = models.CharField(max_length=60, primary_key=True)
    last_started_at = models.DateTimeField(null=True)
    last_finished_at = models.DateTimeField(null=True)
    last_items = models.PositiveIntegerField(default=0)
    last_seconds = models.FloatField(null=True)  # how long it took, also when it failed
    last_failed_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    asked_at = models.DateTimeField(null=True)  # when a person last asked for a run
    asked_by = models.CharField(max_length=200, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return self.name
