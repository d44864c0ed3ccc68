"""Room on the page for the rows that every request updates, so that an update touches no index."""

from django.db import migrations

FORWARD = """
ALTER TABLE ledger_wallet SET (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
ALTER TABLE ledger_lot SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
"""
BACKWARD = """
ALTER TABLE ledger_wallet RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE ledger_lot RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_append_only")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
