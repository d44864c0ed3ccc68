"""Infrastructure that the operator's backend runs for a workspace, and warnings that it will be shut down."""

from django.db import models
from django.db.models import F, Q

from accounts.models import Workspace


class Resource(models.Model):
    """One life of a container, of storage, or a deployment. What is deleted and made again is another row.

    `next_day`, `billed_quantity` and `billed_events` say what was billed so far; they change in the transaction that
    records the usage.
    """

    class Kind(models.TextChoices):
        CONTAINER = "container", "Container"
        STORAGE = "storage", "Storage"
        DEPLOYMENT = "deployment", "Deployment"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    external_id = models.CharField(max_length=120)  # the operator's own
    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=120, blank=True, default="")
    project = models.CharField(max_length=120, blank=True, default="")
    quantity = models.DecimalField(max_digits=22, decimal_places=9)  # at present: containers, GB, deployments
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    next_day = models.DateField(null=True, blank=True)  # first UTC day not billed yet; null: nothing more will be
    billed_quantity = models.DecimalField(max_digits=22, decimal_places=9, default=0)  # of the last day billed
    billed_events = models.PositiveIntegerField(default=0)  # of the last day billed: one, and one for each rise in it

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="resource_list"),
            models.Index(fields=["next_day", "id"], condition=Q(next_day__isnull=False), name="resource_due"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "external_id"], condition=Q(deleted_at=None), name="resource_lives_once"
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="resource_quantity_positive"),
            models.CheckConstraint(
                condition=Q(kind__in=["container", "storage", "deployment"]), name="resource_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None) | Q(deleted_at__gte=F("created_at")), name="resource_deleted_after_created"
            ),
            models.CheckConstraint(
                condition=Q(billed_events=0, billed_quantity=0) | Q(billed_events__gt=0, billed_quantity__gt=0),
                name="resource_billed_by_events",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.external_id}"


class ResourceQuantity(models.Model):
    """How much of a resource there was from an instant on. Rows are only added: days that were missed are billed by
    them.
    """

    resource = models.ForeignKey(Resource, models.CASCADE, related_name="quantities", db_index=False)
    at = models.DateTimeField()
    quantity = models.DecimalField(max_digits=22, decimal_places=9)

    class Meta:
        indexes = [models.Index(fields=["resource", "at", "id"], name="resource_quantity_in_order")]
        constraints = [models.CheckConstraint(condition=Q(quantity__gt=0), name="resource_quantity_was_positive")]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} from {self.at}"


class ShutdownWarning(models.Model):
    """One fall of a balance below 48 hours of what the workspace's resources cost. Amounts are nano-credits."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    warned_at = models.DateTimeField()
    shutdown_at = models.DateTimeField()  # when the resources are to be shut down unless the balance covers them again
    daily_cost = models.BigIntegerField()  # when it was warned; once the shutdown is signalled, what it was then
    balance = models.BigIntegerField()  # what there was then, the plan's overdraft included; negative: in debt
    stopping_at = models.DateTimeField(null=True, blank=True)  # since when the shutdown is signalled
    ended_at = models.DateTimeField(null=True, blank=True)  # the balance covers 48 hours again, or nothing runs

    class Meta:
        ordering = ["-warned_at", "-id"]
        indexes = [models.Index(fields=["workspace", "-warned_at"], name="shutdown_warning_list")]
        constraints = [
            models.UniqueConstraint(fields=["workspace"], condition=Q(ended_at=None), name="shutdown_warning_once"),
            models.CheckConstraint(condition=Q(shutdown_at__gt=F("warned_at")), name="shutdown_after_warning"),
            models.CheckConstraint(
                condition=Q(stopping_at=None) | Q(stopping_at__gte=F("shutdown_at")), name="shutdown_not_too_early"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("warned_at")), name="shutdown_warning_ends_later"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workspace}: warned {self.warned_at:%Y-%m-%d %H:%M}"

    @property
    def state(self) -> str:
        """Of the running resources of the workspace: running, warned or stopping."""
        if self.ended_at is not None:
            return "running"
        return "stopping" if self.stopping_at is not None else "warned"
