"""Invoices and credit notes."""

import billing.credits.clock
import billing.invoices.countries
import billing.invoices.models
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

from accounts.tables import CreateTables
from billing.invoices.migrations._rules import BACKWARD, FORWARD


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ('invoices', '0001_initial'),
        ('invoices', '0002_issued_is_fixed'),
    ]
    dependencies = [
        ('accounts', '0001_squashed_0008_erased_people'),
    ]
    operations = [
        CreateTables(
            models=[
                migrations.CreateModel(
                    name='BillingProfile',
                    fields=[
                        ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='billing_profile', serialize=False, to='accounts.workspace')),
                        ('legal_name', models.CharField(blank=True, max_length=200)),
                        ('address', models.TextField(blank=True, max_length=500)),
                        ('country', models.CharField(blank=True, choices=billing.invoices.countries.country_choices, max_length=2)),
                        ('tax_id_type', models.CharField(blank=True, choices=billing.invoices.countries.tax_id_choices, max_length=10)),
                        ('tax_id', models.CharField(blank=True, max_length=60)),
                        ('email', models.EmailField(blank=True, max_length=254)),
                        ('purchase_order', models.CharField(blank=True, max_length=60)),
                        ('updated_at', models.DateTimeField(default=billing.credits.clock.now)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('tax_id', ''), ('tax_id_type', '')), models.Q(models.Q(('tax_id', ''), _negated=True), models.Q(('tax_id_type', ''), _negated=True)), _connector='OR'), name='billing_profile_tax_id_with_type')],
                    },
                ),
                migrations.CreateModel(
                    name='Document',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('public_id', models.CharField(default=billing.invoices.models.new_document_id, editable=False, max_length=40, unique=True)),
                        ('key', models.CharField(max_length=200, unique=True)),
                        ('request_hash', models.BinaryField(max_length=32)),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='documents', to='accounts.workspace')),
                        ('kind', models.CharField(choices=[('invoice', 'Invoice'), ('credit_note', 'Credit note')], max_length=11)),
                        ('purpose', models.CharField(choices=[('pack', 'Credit pack'), ('top_up', 'Auto top-up'), ('custom', 'Custom invoice'), ('subscription', 'Subscription')], max_length=12)),
                        ('origin', models.CharField(choices=[('own', 'Own'), ('stripe', 'Stripe')], default='own', max_length=6)),
                        ('invoice', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credit_notes', to='invoices.document')),
                        ('number', models.CharField(blank=True, max_length=60, null=True)),
                        ('series', models.CharField(blank=True, max_length=12)),
                        ('year', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('sequence', models.PositiveIntegerField(blank=True, null=True)),
                        ('seller', models.JSONField(blank=True, default=dict)),
                        ('customer', models.JSONField(blank=True, default=dict)),
                        ('currency', models.CharField(max_length=3)),
                        ('tax_included', models.BooleanField(default=False)),
                        ('reverse_charge', models.BooleanField(default=False)),
                        ('subtotal', models.BigIntegerField(default=0)),
                        ('discount', models.BigIntegerField(default=0)),
                        ('tax', models.BigIntegerField(default=0)),
                        ('total', models.BigIntegerField(default=0)),
                        ('credits', models.BigIntegerField(default=0)),
                        ('status', models.CharField(choices=[('draft', 'Draft'), ('open', 'Open'), ('paid', 'Paid'), ('void', 'Void'), ('uncollectible', 'Uncollectible'), ('issued', 'Issued')], max_length=13)),
                        ('amount_paid', models.BigIntegerField(default=0)),
                        ('credited', models.BigIntegerField(default=0)),
                        ('issued_at', models.DateTimeField(blank=True, null=True)),
                        ('due_at', models.DateTimeField(blank=True, null=True)),
                        ('paid_at', models.DateTimeField(blank=True, null=True)),
                        ('closed_at', models.DateTimeField(blank=True, null=True)),
                        ('payment_method', models.CharField(blank=True, max_length=40)),
                        ('payment_reference', models.CharField(blank=True, max_length=120)),
                        ('reminders', models.PositiveSmallIntegerField(default=0)),
                        ('purchase_order', models.CharField(blank=True, max_length=60)),
                        ('notes', models.TextField(blank=True, max_length=1000)),
                        ('reason', models.CharField(blank=True, max_length=500)),
                        ('net_days', models.PositiveSmallIntegerField(default=0)),
                        ('credit_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('created_at', models.DateTimeField(default=billing.credits.clock.now)),
                        ('stripe_id', models.CharField(blank=True, max_length=80, null=True, unique=True)),
                        ('hosted_url', models.URLField(blank=True, max_length=1000)),
                        ('pdf_url', models.URLField(blank=True, max_length=1000)),
                        ('mirrored_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['-issued_at', '-id'],
                        'indexes': [models.Index(fields=['workspace', '-issued_at', '-id'], name='document_list'), models.Index(condition=models.Q(('origin', 'own'), ('reminders__lt', 2), ('status', 'open')), fields=['due_at'], name='document_due')],
                        'constraints': [models.UniqueConstraint(fields=('series', 'year', 'sequence'), name='document_sequence_once'), models.UniqueConstraint(fields=('origin', 'number'), name='document_number_once'), models.CheckConstraint(condition=models.Q(('kind__in', ['invoice', 'credit_note'])), name='document_kind'), models.CheckConstraint(condition=models.Q(('purpose__in', ['pack', 'top_up', 'custom', 'subscription'])), name='document_purpose'), models.CheckConstraint(condition=models.Q(models.Q(('origin', 'own'), ('stripe_id', None)), models.Q(('origin', 'stripe'), ('stripe_id__isnull', False)), _connector='OR'), name='document_origin'), models.CheckConstraint(condition=models.Q(models.Q(('invoice__isnull', False), ('kind', 'credit_note'), ('status', 'issued')), models.Q(('invoice', None), ('kind', 'invoice'), ('status__in', ['draft', 'open', 'paid', 'void', 'uncollectible'])), _connector='OR'), name='document_status_of_its_kind'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'draft'), _negated=True), models.Q(('number', None), ('origin', 'own'), ('purpose', 'custom')), _connector='OR'), name='document_draft_custom_only'), models.CheckConstraint(condition=models.Q(models.Q(('issued_at', None), ('number', None), ('sequence', None)), models.Q(('issued_at__isnull', False), ('number__isnull', False), ('origin', 'stripe'), ('sequence', None)), models.Q(('issued_at__isnull', False), ('number__isnull', False), ('origin', 'own'), ('sequence__gt', 0), ('year__isnull', False)), _connector='OR'), name='document_numbered_whole'), models.CheckConstraint(condition=models.Q(('currency__regex', '^[a-z]{3}$')), name='document_currency'), models.CheckConstraint(condition=models.Q(('amount_paid__gte', 0), ('credited__gte', 0), ('credits__gte', 0), ('discount__gte', 0), ('subtotal__gte', 0), ('tax__gte', 0), ('total__gte', 0)), name='document_amounts_not_negative'), models.CheckConstraint(condition=models.Q(('origin', 'stripe'), models.Q(('tax_included', True), ('total', django.db.models.expressions.CombinedExpression(models.F('subtotal'), '-', models.F('discount')))), models.Q(('tax_included', False), ('total', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('subtotal'), '-', models.F('discount')), '+', models.F('tax')))), _connector='OR'), name='document_adds_up'), models.CheckConstraint(condition=models.Q(models.Q(('reverse_charge', True), _negated=True), ('tax', 0), _connector='OR'), name='document_reverse_charge_no_tax'), models.CheckConstraint(condition=models.Q(('credited__lte', models.F('total'))), name='document_credited_within_total'), models.CheckConstraint(condition=models.Q(('origin', 'stripe'), ('amount_paid__lte', models.F('total')), _connector='OR'), name='document_paid_within_total'), models.CheckConstraint(condition=models.Q(('origin', 'stripe'), models.Q(('status', 'paid'), _negated=True), models.Q(('amount_paid__gte', django.db.models.expressions.CombinedExpression(models.F('total'), '-', models.F('credited'))), ('paid_at__isnull', False)), _connector='OR'), name='document_paid_in_full'), models.CheckConstraint(condition=models.Q(('origin', 'stripe'), ('status', 'paid'), models.Q(('amount_paid', 0), ('paid_at', None)), _connector='OR'), name='document_not_paid_before_it_is')],
                    },
                ),
                migrations.CreateModel(
                    name='DocumentLine',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('document', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='invoices.document')),
                        ('position', models.PositiveSmallIntegerField()),
                        ('description', models.CharField(max_length=300)),
                        ('detail', models.CharField(blank=True, max_length=300)),
                        ('quantity', models.DecimalField(decimal_places=6, max_digits=18)),
                        ('unit_amount', models.DecimalField(decimal_places=12, max_digits=24)),
                        ('amount', models.BigIntegerField()),
                        ('discount', models.BigIntegerField(default=0)),
                        ('tax_name', models.CharField(blank=True, max_length=40)),
                        ('tax_percent', models.DecimalField(decimal_places=4, default=0, max_digits=7)),
                        ('tax', models.BigIntegerField(default=0)),
                        ('credits', models.BigIntegerField(default=0)),
                    ],
                    options={
                        'ordering': ['document', 'position'],
                        'constraints': [models.UniqueConstraint(fields=('document', 'position'), name='document_line_position_once'), models.CheckConstraint(condition=models.Q(('credits__gte', 0), ('quantity__gte', 0), ('tax__gte', 0), ('tax_percent__gte', 0), ('unit_amount__gte', 0)), name='document_line_not_negative'), models.CheckConstraint(condition=models.Q(('discount__gte', 0), ('discount__lte', models.F('amount'))), name='document_line_discount_within_amount')],
                    },
                ),
                migrations.CreateModel(
                    name='NumberCounter',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('series', models.CharField(max_length=12)),
                        ('year', models.PositiveSmallIntegerField()),
                        ('last', models.PositiveIntegerField()),
                        ('last_at', models.DateTimeField()),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('series', 'year'), name='number_counter_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Seller',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('legal_name', models.CharField(blank=True, max_length=200)),
                        ('address', models.TextField(blank=True, max_length=500)),
                        ('country', models.CharField(blank=True, choices=billing.invoices.countries.country_choices, max_length=2)),
                        ('tax_id', models.CharField(blank=True, max_length=60)),
                        ('email', models.EmailField(blank=True, max_length=254)),
                        ('website', models.CharField(blank=True, max_length=120)),
                        ('logo_text', models.CharField(blank=True, max_length=40)),
                        ('bank_details', models.TextField(blank=True, max_length=600)),
                        ('footer', models.TextField(blank=True, max_length=600)),
                        ('invoice_prefix', models.CharField(default='INV', max_length=12)),
                        ('credit_note_prefix', models.CharField(default='CN', max_length=12)),
                        ('net_days', models.PositiveSmallIntegerField(default=30)),
                        ('tax_name', models.CharField(default='VAT', max_length=40)),
                        ('tax_percent', models.DecimalField(decimal_places=4, default=0, max_digits=7)),
                        ('reverse_charge_note', models.CharField(blank=True, default='Reverse charge: the recipient accounts for the tax.', max_length=300)),
                    ],
                    options={
                        'verbose_name': 'seller',
                        'verbose_name_plural': 'seller',
                        'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='seller_one_row'), models.CheckConstraint(condition=models.Q(('invoice_prefix__regex', '^[A-Z0-9]([A-Z0-9-]{0,10}[A-Z0-9])?$'), ('credit_note_prefix__regex', '^[A-Z0-9]([A-Z0-9-]{0,10}[A-Z0-9])?$')), name='seller_prefixes_plain'), models.CheckConstraint(condition=models.Q(('invoice_prefix', models.F('credit_note_prefix')), _negated=True), name='seller_prefixes_differ'), models.CheckConstraint(condition=models.Q(('tax_percent__gte', 0), ('tax_percent__lte', 100)), name='seller_tax_percent')],
                    },
                ),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
