"""What the people of a workspace were told, and who has read it."""

from django.db import models
from django.db.models import Q

from accounts.models import User, Workspace
from billing.credits import clock


class Notice(models.Model):
    """A piece of news, once by its key. `path` leads to where a reader can do something about it; empty: nowhere."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=200)
    audience = models.CharField(max_length=9)  # whose notice it is (kinds.py), as it was when it was written
    title = models.CharField(max_length=500)
    text = models.TextField()
    path = models.CharField(max_length=1000, blank=True)
    button = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="notice_list"),
            models.Index(fields=["created_at"], name="notice_age"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="notice_once"),
            models.CheckConstraint(
                condition=Q(audience__in=["everyone", "billing", "keys", "team", "workspace"]), name="notice_audience"
            ),
            models.CheckConstraint(condition=Q(path="") | Q(path__regex=r"^/([^/]|$)"), name="notice_path_is_ours"),
        ]

    def __str__(self) -> str:
        return self.title


class NoticeRead(models.Model):
    """A person has read a notice. One row each and no mark "up to here": a notice that is committed late, with a lower
    number than the last one that somebody saw, is not read by that.
    """

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="reads", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "user"], name="notice_read_once")]

    def __str__(self) -> str:
        return f"{self.user} read {self.notice}"
