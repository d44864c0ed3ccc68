"""Lots that go on in another one, which ends later: written once, and only of the same source and price."""

import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION ledger_check_extension() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM ledger_lot was JOIN ledger_lot goes_on ON goes_on.id = NEW.into_id
        WHERE was.id = NEW.lot_id AND goes_on.workspace_id = was.workspace_id AND goes_on.source = was.source
            AND goes_on.unit_price_usd IS NOT DISTINCT FROM was.unit_price_usd
            AND goes_on.operation_id = NEW.operation_id AND goes_on.amount = NEW.amount
            AND was.expires_at > goes_on.effective_at AND goes_on.expires_at > was.expires_at
    ) THEN
        RAISE EXCEPTION 'lot % cannot go on as lot %', NEW.lot_id, NEW.into_id USING ERRCODE = 'check_violation',
            HINT = 'It has to be of the same workspace, source and price, and to end later than one that has not ended.';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER lot_extension_fits BEFORE INSERT ON ledger_lotextension
    FOR EACH ROW EXECUTE FUNCTION ledger_check_extension();
CREATE TRIGGER lot_extension_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_lotextension
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
"""
BACKWARD = """
DROP TRIGGER lot_extension_append_only ON ledger_lotextension;
DROP TRIGGER lot_extension_fits ON ledger_lotextension;
DROP FUNCTION ledger_check_extension();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0016_fewer_checks")]
    operations = [
        migrations.CreateModel(
            name="LotExtension",
            fields=[
                (
                    "into",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="extends",
                        serialize=False,
                        to="ledger.lot",
                    ),
                ),
                ("amount", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                (
                    "lot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="extensions", to="ledger.lot"
                    ),
                ),
                (
                    "operation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.operation"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(amount__gt=0), name="lot_extension_of_something"),
                    models.CheckConstraint(
                        condition=~models.Q(lot=models.F("into")), name="lot_extension_into_another"
                    ),
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
