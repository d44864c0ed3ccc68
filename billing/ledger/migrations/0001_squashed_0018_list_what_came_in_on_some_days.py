"""The ledger: operations, their transfers, lots, wallets and holds."""

import datetime
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.lookups
from django.db import migrations, models

from accounts.tables import CreateTables
from billing.ledger.migrations._rules import BACKWARD, FORWARD


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ('ledger', '0001_initial'),
        ('ledger', '0002_lot_burn_order'),
        ('ledger', '0003_append_only'),
        ('ledger', '0004_hot_rows'),
        ('ledger', '0005_face_value_waits_for_the_first_entry'),
        ('ledger', '0006_holds'),
        ('ledger', '0007_holds_append_only'),
        ('ledger', '0008_find_reversals_in_their_workspace'),
        ('ledger', '0009_find_expiries_of_a_workspace'),
        ('ledger', '0010_wallet_budget_revision'),
        ('ledger', '0011_list_what_requests_did_not_move'),
        ('ledger', '0012_find_ended_holds_of_a_workspace'),
        ('ledger', '0013_open_holds'),
        ('ledger', '0014_topup_bound'),
        ('ledger', '0015_alert_bound'),
        ('ledger', '0016_fewer_checks'),
        ('ledger', '0017_extended_lots'),
        ('ledger', '0018_list_what_came_in_on_some_days'),
    ]
    dependencies = [
        ('accounts', '0001_squashed_0008_erased_people'),
        ('foundation', '0001_squashed_0019_find_entries_and_mails'),
    ]
    operations = [
        CreateTables(
            models=[
                migrations.CreateModel(
                    name='Operation',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('namespace', models.CharField(max_length=40)),
                        ('key', models.CharField(max_length=200)),
                        ('request_hash', models.BinaryField(max_length=32)),
                        ('kind', models.CharField(max_length=30)),
                        ('result', models.JSONField(default=dict)),
                        ('reverses', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversals', to='ledger.operation')),
                        ('actor', models.CharField(blank=True, max_length=200)),
                        ('reason', models.CharField(blank=True, max_length=500)),
                        ('created_at', models.DateTimeField()),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('reverses__isnull', False)), fields=['reverses'], name='operation_reversed')],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'namespace', 'key'), name='operation_once_per_key')],
                    },
                ),
                migrations.CreateModel(
                    name='Lot',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='accounts.workspace')),
                        ('operation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='ledger.operation')),
                        ('seq', models.BigIntegerField()),
                        ('source', models.CharField(choices=[('plan', 'Plan'), ('promotion', 'Promotion'), ('bought', 'Bought')], max_length=10)),
                        ('label', models.CharField(max_length=120)),
                        ('amount', models.BigIntegerField()),
                        ('remaining', models.BigIntegerField()),
                        ('held', models.BigIntegerField(default=0)),
                        ('priority', models.SmallIntegerField(default=0)),
                        ('effective_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField(blank=True, null=True)),
                        ('scheduled', models.BooleanField(default=False)),
                        ('unit_price_usd', models.DecimalField(blank=True, decimal_places=12, max_digits=18, null=True)),
                        ('created_at', models.DateTimeField()),
                        ('open', models.GeneratedField(db_persist=True, expression=models.Q(('remaining__gt', 0)), output_field=models.BooleanField())),
                    ],
                    options={
                        'indexes': [models.Index(models.F('workspace'), models.F('priority'), models.F('expires_at'), models.Case(models.When(source='plan', then=models.Value(0)), models.When(source='promotion', then=models.Value(1)), default=models.Value(2)), models.F('effective_at'), models.F('id'), condition=models.Q(('open', True), ('scheduled', False)), name='lot_burn_order'), models.Index(fields=['workspace', '-id'], name='lot_of_workspace')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('expires_at', None), ('expires_at__gt', models.F('effective_at')), _connector='OR'), name='lot_expires_after_start'), models.UniqueConstraint(fields=('workspace', 'seq'), name='lot_one_per_transfer'), models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('held__gte', 0), ('held__lte', models.F('remaining')), ('remaining__lte', models.F('amount'))), name='lot_held_within_remaining_within_amount')],
                    },
                ),
                migrations.CreateModel(
                    name='Transfer',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('operation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='transfers', to='ledger.operation')),
                        ('seq', models.BigIntegerField()),
                        ('kind', models.CharField(max_length=30)),
                        ('debit', models.CharField(max_length=20)),
                        ('credit', models.CharField(max_length=20)),
                        ('amount', models.BigIntegerField()),
                        ('balance_after', models.BigIntegerField()),
                        ('occurred_at', models.DateTimeField()),
                        ('created_at', models.DateTimeField()),
                        ('items_digest', models.BinaryField(max_length=32, null=True)),
                        ('reverses', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.transfer')),
                        ('digest', models.BinaryField(max_length=32)),
                    ],
                    options={
                        'ordering': ['workspace', 'seq'],
                        'indexes': [models.Index(condition=models.Q(('kind', 'debt.repay')), fields=['workspace', '-seq'], name='transfer_repayment'), models.Index(condition=models.Q(('reverses__isnull', False)), fields=['workspace', 'reverses'], name='transfer_reversals'), models.Index(condition=models.Q(('kind', 'lot.expire')), fields=['workspace', '-seq'], name='transfer_expiry'), models.Index(condition=models.Q(('kind__in', ('hold.place', 'hold.extend', 'hold.settle', 'hold.release', 'hold.expire', 'hold.overdraft', 'hold.overdraft_end', 'usage.spend', 'usage.debt')), _negated=True), fields=['workspace', '-seq'], name='transfer_not_of_request'), models.Index(condition=models.Q(('kind__in', ('hold.place', 'hold.extend', 'hold.settle', 'hold.release', 'hold.expire', 'hold.overdraft', 'hold.overdraft_end', 'usage.spend', 'usage.debt')), _negated=True), fields=['created_at'], name='transfer_not_of_request_at')],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'seq'), name='transfer_seq_unique_in_workspace'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='transfer_amount_positive'), models.CheckConstraint(condition=models.Q(('debit', models.F('credit')), _negated=True), name='transfer_between_two_accounts')],
                    },
                ),
                migrations.CreateModel(
                    name='LotTake',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('transfer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='takes', to='ledger.transfer')),
                        ('lot', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='takes', to='ledger.lot')),
                        ('position', models.PositiveIntegerField()),
                        ('amount', models.BigIntegerField()),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('transfer', 'position'), name='lot_take_position_unique'), models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='lot_take_not_zero')],
                    },
                ),
                migrations.CreateModel(
                    name='Wallet',
                    fields=[
                        ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='wallet', serialize=False, to='accounts.workspace')),
                        ('available', models.BigIntegerField(default=0)),
                        ('held', models.BigIntegerField(default=0)),
                        ('debt', models.BigIntegerField(default=0)),
                        ('overdraft_held', models.BigIntegerField(default=0)),
                        ('open_holds', models.BigIntegerField(db_default=0, default=0)),
                        ('overdraft_limit', models.BigIntegerField(default=0)),
                        ('seq', models.BigIntegerField(default=0)),
                        ('digest', models.BinaryField(default=b'\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00', max_length=32)),
                        ('last_at', models.DateTimeField(null=True)),
                        ('next_due_at', models.DateTimeField(null=True)),
                        ('low_bound', models.BigIntegerField(default=0)),
                        ('granted_any', models.BooleanField(default=False)),
                        ('stopped_at', models.DateTimeField(null=True)),
                        ('debt_since', models.DateTimeField(null=True)),
                        ('budget_revision', models.BigIntegerField(db_default=0, default=0)),
                        ('topup_bound', models.BigIntegerField(db_default=0, default=0)),
                        ('alert_bound', models.BigIntegerField(null=True)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('available', 0), ('debt', 0), _connector='OR'), name='wallet_debt_only_without_credits'), models.CheckConstraint(condition=django.db.models.lookups.GreaterThanOrEqual(django.db.models.functions.comparison.Least('available', 'held', 'debt', 'overdraft_held', 'overdraft_limit', 'open_holds', 'topup_bound'), models.Value(0)), name='wallet_amounts_not_negative')],
                        'indexes': [models.Index(condition=models.Q(('next_due_at__isnull', False)), fields=['next_due_at'], name='wallet_due')],
                    },
                ),
                migrations.CreateModel(
                    name='Hold',
                    fields=[
                        ('operation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='hold', serialize=False, to='ledger.operation')),
                        ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('origin', models.CharField(max_length=200)),
                        ('amount', models.BigIntegerField()),
                        ('overdraft', models.BigIntegerField(default=0)),
                        ('label', models.CharField(blank=True, max_length=250)),
                        ('created_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                        ('open_until', models.DateTimeField(null=True)),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('open_until__isnull', False)), fields=['workspace', 'open_until'], name='hold_open_in_workspace'), models.Index(fields=['workspace', '-operation'], name='hold_of_workspace')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('overdraft__gte', 0), ('overdraft__lte', models.F('amount'))), name='hold_overdraft_within_amount'), models.CheckConstraint(condition=models.Q(django.db.models.lookups.LessThanOrEqual(django.db.models.functions.comparison.Greatest('expires_at', 'open_until'), django.db.models.expressions.CombinedExpression(models.F('created_at'), '+', models.Value(datetime.timedelta(days=1)))), ('expires_at__gt', models.F('created_at'))), name='hold_lives_a_day_at_most')],
                    },
                ),
                migrations.CreateModel(
                    name='HoldExtension',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('hold', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='extensions', to='ledger.hold')),
                        ('operation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.operation')),
                        ('expires_at', models.DateTimeField()),
                        ('created_at', models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name='HoldResolution',
                    fields=[
                        ('hold', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='resolution', serialize=False, to='ledger.hold')),
                        ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('kind', models.CharField(choices=[('settle', 'Settle'), ('release', 'Release'), ('expire', 'Expire')], max_length=10)),
                        ('operation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='resolves', to='ledger.operation')),
                        ('created_at', models.DateTimeField()),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('kind', 'settle'), _negated=True), fields=['workspace', 'kind', '-hold'], name='hold_resolution_not_settled')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['settle', 'release', 'expire'])), name='hold_resolution_kind')],
                    },
                ),
                migrations.CreateModel(
                    name='LotExtension',
                    fields=[
                        ('into', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='extends', serialize=False, to='ledger.lot')),
                        ('lot', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='extensions', to='ledger.lot')),
                        ('operation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.operation')),
                        ('amount', models.BigIntegerField()),
                        ('created_at', models.DateTimeField()),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='lot_extension_of_something'), models.CheckConstraint(condition=models.Q(('lot', models.F('into')), _negated=True), name='lot_extension_into_another')],
                    },
                ),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
