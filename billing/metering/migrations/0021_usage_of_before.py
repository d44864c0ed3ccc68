"""Usage of before a workspace came here: imported once, and kept as it was."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

FORWARD = """
CREATE TRIGGER earlier_usage_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON metering_earlierusage
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
"""
BACKWARD = "DROP TRIGGER earlier_usage_append_only ON metering_earlierusage;"


class Migration(migrations.Migration):
    dependencies = [("metering", "0020_say_what_usage_of_before_cost_upstream"), ("accounts", "0006_portal_link")]
    operations = [
        migrations.CreateModel(
            name="EarlierUsage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("provider", models.CharField(blank=True, max_length=80)),
                ("model", models.CharField(blank=True, max_length=200)),
                ("meter", models.CharField(max_length=60)),
                ("quantity", models.DecimalField(decimal_places=9, max_digits=30)),
                ("requests", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["workspace", "day", "provider", "model", "meter"], name="earlier_usage_once"
                    ),
                    models.CheckConstraint(
                        condition=Q(quantity__gte=0, requests__gte=0) & ~Q(quantity=0, requests=0) & ~Q(meter=""),
                        name="earlier_usage_of_something",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
