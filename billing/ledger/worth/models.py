"""Kept sums of the ledger's history by day and price paid, so that a year is told without reading its transfers."""

from typing import Final

from django.db import models

from accounts.models import Workspace


class Moved(models.Model):
    """What the transfers of a workspace moved, by kind, accounts, and source and price of the credits.

    Derived, as `trial.FlowSum` is: verify_ledger recomputes it, what is not summed yet is read from the transfers
    themselves, and all rows may be deleted at any time, those of SummedUntil with them.
    """

    # No foreign key in the database: the transfers vouch for it, and verify_ledger compares.
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    day = models.DateField()  # UTC; of a month its first
    kind = models.CharField(max_length=30)
    debit = models.CharField(max_length=20)
    credit = models.CharField(max_length=20)
    source = models.CharField(max_length=10, blank=True)  # of the lots; empty where no lot had a part: on debt
    unit_price_usd = models.DecimalField(max_digits=18, decimal_places=12)  # paid per credit; 0: nothing was
    amount = models.DecimalField(max_digits=30, decimal_places=0)  # nano-credits; a sum may exceed 64 bits

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.kind} on {self.day}"


ONE: Final = ["workspace", "day", "kind", "debit", "credit", "source", "unit_price_usd"]
POSITIVE: Final = models.Q(amount__gt=0, unit_price_usd__gte=0)


class DaySum(Moved):
    """On a day."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=ONE, name="day_sum_once"),
            models.CheckConstraint(condition=POSITIVE, name="day_sum_positive"),
        ]
        indexes = [models.Index(fields=["day"], name="day_sum_by_day")]


class MonthSum(Moved):
    """In a month, up to the same transfer as its days."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=ONE, name="month_sum_once"),
            models.CheckConstraint(condition=POSITIVE & models.Q(day__day=1), name="month_sum_positive"),
        ]
        indexes = [models.Index(fields=["day"], name="month_sum_by_month")]


class SummedUntil(models.Model):
    """Up to which transfer a workspace's days are summed. The row is the lock of who sums on."""

    workspace = models.OneToOneField(Workspace, models.PROTECT, primary_key=True, related_name="+", db_constraint=False)
    seq = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(seq__gte=0), name="summed_until_not_negative")]

    def __str__(self) -> str:
        return f"{self.workspace_id} up to {self.seq}"
