"""Workspaces that staff suspended, and who of staff may do that, or look at a customer's pages."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_portal_link")]
    operations = [
        migrations.AlterModelOptions(
            name="workspace",
            options={
                "permissions": [
                    ("suspend_workspace", "Can suspend and resume workspaces"),
                    ("view_as_customer", "Can look at a customer's pages"),
                ]
            },
        ),
        migrations.AddField(
            model_name="workspace",
            name="suspended_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="workspace",
            name="suspended_reason",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=500),
        ),
        migrations.AddIndex(
            model_name="workspace",
            index=models.Index(
                condition=models.Q(("suspended_at__isnull", False)), fields=["suspended_at"], name="workspace_suspended"
            ),
        ),
        migrations.AddConstraint(
            model_name="workspace",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("suspended_at", None), ("suspended_reason", "")),
                    models.Q(("suspended_at__isnull", False), models.Q(("suspended_reason", ""), _negated=True)),
                    _connector="OR",
                ),
                name="workspace_suspended_for_a_reason",
            ),
        ),
    ]
