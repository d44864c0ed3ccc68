"""What each periodic job did last."""

from django.db import models


class DueJob(models.Model):
    name = models.CharField(max_length=60, primary_key=True)
    last_started_at = models.DateTimeField(null=True)
    last_finished_at = models.DateTimeField(null=True)
    last_items = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)
    failures = models.PositiveIntegerField(default=0)  # in a row

    def __str__(self) -> str:
        return self.name
