"""What was told, and who wants to hear what. Mails that nobody can do without know nothing of it."""

from django.db import models
from django.db.models.functions import Lower

from accounts.models import Workspace
from accounts.roles import Role
from billing.credits import clock


class NewsTold(models.Model):
    """Optional news that was told: its messages are one per reader, and there may be none."""

    key = models.CharField(max_length=200, unique=True)
    told_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["told_at"], name="news_told_age")]

    def __str__(self) -> str:
        return self.key


class MailWish(models.Model):
    """What one address wants of one category of a workspace's mails, whatever its role says."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    address = models.EmailField(max_length=320)
    category = models.CharField(max_length=20)
    wanted = models.BooleanField()
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "address", "category"], name="mail_wish_once_per_address"),
            models.CheckConstraint(condition=models.Q(address=Lower("address")), name="mail_wish_address_lower_case"),
        ]

    def __str__(self) -> str:
        return f"{self.address}: {self.category} {'yes' if self.wanted else 'no'}"


class RoleMail(models.Model):
    """Whether a role of a workspace gets a category; where there is no row, the catalogue says so."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    role = models.CharField(max_length=10, choices=Role.choices)
    category = models.CharField(max_length=20)
    wanted = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "role", "category"], name="role_mail_once_per_role"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="role_mail_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.category} {'yes' if self.wanted else 'no'}"


class MailWatch(models.Model):
    """How far a job has looked for news: rows up to this number are settled."""

    name = models.CharField(max_length=40, unique=True)
    upto = models.BigIntegerField()

    def __str__(self) -> str:
        return self.name
