"""Kept sums of the ledger's history, so that nobody has to read all of it to know what was there at some instant."""

from typing import Final

from django.db import models

from accounts.models import Workspace

# Transfers of one workspace that are summed together. A change needs a migration that empties the table.
SPAN: Final = 100


class FlowSum(models.Model):
    """What the transfers `until_seq - SPAN + 1` to `until_seq` of a workspace moved, by kind, accounts and source.

    History never changes, so neither do these; they hold nothing that the history does not tell, verify_ledger
    recomputes them, and whatever is missing is read from the transfers themselves.
    """

    # No foreign key in the database: the transfers vouch for it, and verify_ledger compares.
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    until_seq = models.BigIntegerField()
    since_at = models.DateTimeField()  # stamp of the first transfer
    until_at = models.DateTimeField()  # stamp of the last one
    kind = models.CharField(max_length=30)
    debit = models.CharField(max_length=20)
    credit = models.CharField(max_length=20)
    source = models.CharField(max_length=10, blank=True)  # of the lots; empty where no lot had a part: on debt
    amount = models.DecimalField(max_digits=30, decimal_places=0)  # nano-credits; a sum may exceed 64 bits

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "until_seq", "kind", "debit", "credit", "source"], name="flow_sum_once"
            ),
            models.CheckConstraint(condition=models.Q(until_seq__gt=0, amount__gt=0), name="flow_sum_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} up to {self.until_seq}"
