"""An index for what came in or expired on some days in all workspaces, made while requests go on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

OF_REQUESTS = (
    *("hold.place", "hold.extend", "hold.settle", "hold.release", "hold.expire"),
    *("hold.overdraft", "hold.overdraft_end", "usage.spend", "usage.debt"),
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ledger", "0017_extended_lots")]
    # One that was stopped on the way leaves half an index behind: away with it first.
    operations = [
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS transfer_not_of_request_at", migrations.RunSQL.noop),
        AddIndexConcurrently(
            "transfer",
            models.Index(fields=["created_at"], condition=~Q(kind__in=OF_REQUESTS), name="transfer_not_of_request_at"),
        ),
    ]
