"""Files that were imported: a second upload of the same one does nothing."""

from django.db import models

from billing.credits import clock


class ImportRun(models.Model):
    """One file that was taken in whole. Refused and tried ones leave no row."""

    kind = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)  # sha256 of the file, hex
    file_name = models.CharField(max_length=200, blank=True)
    actor_label = models.CharField(max_length=200)
    rows = models.PositiveIntegerField()
    summary = models.JSONField(default=dict)  # what it did, in words: name → value
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "digest"], name="import_run_once_per_file"),
            models.CheckConstraint(condition=models.Q(rows__gt=0), name="import_run_has_rows"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}, {self.at:%Y-%m-%d %H:%M}"
