"""Payments in USDC. What one promises and which authorization it is never changes, what was credited stays, and no
payment is ever deleted.
"""

import billing.credits.clock
import billing.packs.x402.models
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models


# As of purchases: the tests empty their own database between two tests.
FORWARD = """
CREATE FUNCTION packs_crypto_payment_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF packs_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'payments are kept' USING ERRCODE = 'restrict_violation';
    END IF;
    IF to_jsonb(NEW) - '{idempotency_key,state,transaction,problem,attempts,leased_until,credited_at,lot_id,bonus_lot_id,document_id,decided_by,decided_why}'::text[]
        <> to_jsonb(OLD) - '{idempotency_key,state,transaction,problem,attempts,leased_until,credited_at,lot_id,bonus_lot_id,document_id,decided_by,decided_why}'::text[]
    THEN
        RAISE EXCEPTION 'what a payment promises is fixed' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'credited' AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'what was credited stays so' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER crypto_payment_guard BEFORE UPDATE OR DELETE ON packs_cryptopayment
    FOR EACH ROW EXECUTE FUNCTION packs_crypto_payment_guard();
"""

BACKWARD = """
DROP TRIGGER crypto_payment_guard ON packs_cryptopayment;
DROP FUNCTION packs_crypto_payment_guard;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0008_erased_people'),
        ('invoices', '0002_issued_is_fixed'),
        ('ledger', '0017_extended_lots'),
        ('packs', '0007_sold_for_a_time'),
    ]

    operations = [
        migrations.CreateModel(
            name='CryptoPayment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=billing.packs.x402.models.new_payment_id, editable=False, max_length=40, unique=True)),
                ('idempotency_key', models.CharField(blank=True, max_length=260)),
                ('buyer_label', models.CharField(max_length=200)),
                ('network', models.CharField(max_length=40)),
                ('asset', models.CharField(max_length=42)),
                ('payer', models.CharField(max_length=42)),
                ('nonce', models.CharField(max_length=66)),
                ('pay_to', models.CharField(max_length=42)),
                ('units', models.BigIntegerField()),
                ('valid_before', models.DateTimeField()),
                ('version', models.PositiveSmallIntegerField()),
                ('digest', models.CharField(max_length=64)),
                ('payload', models.JSONField()),
                ('requirements', models.JSONField()),
                ('from_block', models.BigIntegerField()),
                ('pack_version', models.PositiveIntegerField(default=0)),
                ('name', models.CharField(max_length=60)),
                ('credits', models.BigIntegerField()),
                ('bonus_credits', models.BigIntegerField(default=0)),
                ('validity_days', models.PositiveIntegerField(blank=True, null=True)),
                ('amount', models.PositiveIntegerField()),
                ('tax_name', models.CharField(blank=True, max_length=40)),
                ('tax_percent', models.DecimalField(decimal_places=4, default=0, max_digits=7)),
                ('state', models.CharField(choices=[('settling', 'On its way'), ('credited', 'Credited'), ('failed', 'Failed'), ('review', 'Needs a decision'), ('closed', 'Not credited')], default='settling', max_length=8)),
                ('transaction', models.CharField(blank=True, max_length=80)),
                ('problem', models.CharField(blank=True, max_length=300)),
                ('attempts', models.PositiveIntegerField(default=1)),
                ('leased_until', models.DateTimeField()),
                ('created_at', models.DateTimeField(default=billing.credits.clock.now)),
                ('credited_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.CharField(blank=True, max_length=200)),
                ('decided_why', models.CharField(blank=True, max_length=500)),
                ('bonus_lot', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.lot')),
                ('document', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.document')),
                ('lot', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.lot')),
                ('pack', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='packs.pack')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='crypto_payments', to='accounts.workspace')),
            ],
            options={
                'verbose_name': 'payment in USDC',
                'verbose_name_plural': 'payments in USDC',
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['workspace', '-created_at', '-id'], name='crypto_payment_list'), models.Index(condition=models.Q(('state', 'settling')), fields=['leased_until'], name='crypto_payment_settling'), models.Index(condition=models.Q(('state', 'review')), fields=['-created_at'], name='crypto_payment_review')],
                'constraints': [models.UniqueConstraint(fields=('network', 'asset', 'payer', 'nonce'), name='crypto_payment_authorization_once'), models.UniqueConstraint(condition=models.Q(('idempotency_key', ''), _negated=True), fields=('workspace', 'idempotency_key'), name='crypto_payment_once_per_key'), models.CheckConstraint(condition=models.Q(('state__in', ['settling', 'credited', 'failed', 'review', 'closed'])), name='crypto_payment_state'), models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('bonus_credits__gte', 0), ('credits__gt', 0)), name='crypto_credits'), models.CheckConstraint(condition=models.Q(('units', django.db.models.expressions.CombinedExpression(models.F('amount'), '*', models.Value(10000)))), name='crypto_amount_is_its_units'), models.CheckConstraint(condition=models.Q(('version__in', [1, 2])), name='crypto_payment_version'), models.CheckConstraint(condition=models.Q(('nonce__regex', '^0x[0-9a-f]{64}$'), ('payer__regex', '^0x[0-9a-f]{40}$'), ('asset__regex', '^0x[0-9a-f]{40}$')), name='crypto_payment_in_lower_case'), models.CheckConstraint(condition=models.Q(models.Q(('credited_at__isnull', False), ('document__isnull', False), ('lot__isnull', False), ('state', 'credited'), models.Q(('transaction', ''), _negated=True)), models.Q(models.Q(('state', 'credited'), _negated=True), ('bonus_lot', None), ('credited_at', None), ('document', None), ('lot', None)), _connector='OR'), name='crypto_payment_credited_has_its_lot')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
