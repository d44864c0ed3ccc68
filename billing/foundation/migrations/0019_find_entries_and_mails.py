"""Indexes over what an installation has much of: audit entries and mails. Made while requests go on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

INDEXES = {
    "audit_by_action": ("auditentry", ["action", "-id"]),
    "audit_of_workspace": ("auditentry", ["workspace", "-id"]),
    "outbox_of_workspace": ("outboxmessage", ["workspace", "-id"]),
}


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("foundation", "0018_forms_sent_once")]
    # One that was stopped on the way leaves half an index behind: away with it first.
    operations = [
        operation
        for name, (model, fields) in INDEXES.items()
        for operation in (
            migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", migrations.RunSQL.noop),
            AddIndexConcurrently(model, models.Index(fields=fields, name=name)),
        )
    ]
