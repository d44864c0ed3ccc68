"""Automatic top-ups: what is agreed to, what is set, each charge; and purchases without a pack."""

import billing.credits.clock
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_portal_link'),
        ('invoices', '0002_issued_is_fixed'),
        ('ledger', '0014_topup_bound'),
        ('packs', '0003_modes_and_answers'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AutoTopUp',
            fields=[
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='auto_top_up', serialize=False, to='accounts.workspace')),
                ('enabled', models.BooleanField(default=False)),
                ('threshold', models.BigIntegerField()),
                ('amount', models.BigIntegerField()),
                ('amount_in', models.CharField(choices=[('money', 'US dollars'), ('credits', 'Credits')], default='money', max_length=7)),
                ('target', models.BigIntegerField(blank=True, null=True)),
                ('day_cap', models.PositiveIntegerField()),
                ('month_cap', models.PositiveIntegerField()),
                ('declines', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
                ('waits_for', models.CharField(blank=True, choices=[('back_off', 'The card was declined'), ('confirmation', 'The bank wants the cardholder to confirm'), ('day', 'The cap of the day is reached'), ('month', 'The cap of the month is reached')], max_length=12)),
                ('paused_at', models.DateTimeField(blank=True, null=True)),
                ('resumed_at', models.DateTimeField(blank=True, null=True)),
                ('off_because', models.CharField(blank=True, max_length=300)),
                ('updated_at', models.DateTimeField(default=billing.credits.clock.now)),
            ],
            options={
                'verbose_name': 'automatic top-up',
                'ordering': ['workspace'],
            },
        ),
        migrations.CreateModel(
            name='TopUp',
            fields=[
                ('purchase', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='top_up', serialize=False, to='packs.purchase')),
                ('method', models.CharField(max_length=255)),
                ('balance', models.BigIntegerField()),
                ('threshold', models.BigIntegerField()),
                ('reason', models.CharField(max_length=200)),
                ('attempt', models.PositiveSmallIntegerField()),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('outcome', models.CharField(blank=True, choices=[('', 'Waiting for Stripe'), ('succeeded', 'Charged'), ('declined', 'Declined'), ('confirmation', 'To be confirmed'), ('refused', 'Card not usable'), ('unanswered', 'Not charged')], max_length=12)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('code', models.CharField(blank=True, max_length=100)),
                ('message', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'verbose_name': 'top-up',
                'ordering': ['-purchase_id'],
            },
        ),
        migrations.CreateModel(
            name='TopUpAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=260)),
                ('request_hash', models.BinaryField(max_length=32)),
                ('answer', models.TextField()),
                ('at', models.DateTimeField(default=billing.credits.clock.now)),
            ],
        ),
        migrations.CreateModel(
            name='TopUpConsent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('person_label', models.CharField(max_length=200)),
                ('at', models.DateTimeField(default=billing.credits.clock.now)),
                ('text', models.TextField()),
                ('method', models.CharField(max_length=255)),
                ('card', models.CharField(max_length=60)),
                ('threshold', models.BigIntegerField()),
                ('amount', models.BigIntegerField()),
                ('target', models.BigIntegerField(blank=True, null=True)),
                ('day_cap', models.PositiveIntegerField()),
                ('month_cap', models.PositiveIntegerField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('ended_because', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'verbose_name': 'top-up consent',
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.AddField(
            model_name='paymentpolicy',
            name='top_ups_per_hour',
            field=models.PositiveSmallIntegerField(default=4, validators=[django.core.validators.MinValueValidator(1)], verbose_name='automatic top-ups an hour, at most'),
        ),
        migrations.AddField(
            model_name='purchase',
            name='automatic',
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name='purchase',
            name='pack',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='packs.pack'),
        ),
        migrations.AlterField(
            model_name='purchase',
            name='pack_version',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddConstraint(
            model_name='paymentpolicy',
            constraint=models.CheckConstraint(condition=models.Q(('top_ups_per_hour__gt', 0)), name='payment_policy_top_ups_positive'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.UniqueConstraint(condition=models.Q(('automatic', True), ('status__in', ['open', 'paid'])), fields=('workspace',), name='purchase_one_automatic_in_flight'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('automatic', True), ('pack', None)), models.Q(('automatic', False), ('pack__isnull', False)), _connector='OR'), name='purchase_of_a_pack_or_automatic'),
        ),
        migrations.AddField(
            model_name='topupanswer',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace'),
        ),
        migrations.AddField(
            model_name='topupconsent',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='topupconsent',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='top_up_consents', to='accounts.workspace'),
        ),
        migrations.AddField(
            model_name='topup',
            name='consent',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='top_ups', to='packs.topupconsent'),
        ),
        migrations.AddField(
            model_name='autotopup',
            name='consent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='packs.topupconsent'),
        ),
        migrations.AddConstraint(
            model_name='topupanswer',
            constraint=models.UniqueConstraint(fields=('workspace', 'key'), name='top_up_answer_once_per_key'),
        ),
        migrations.AddIndex(
            model_name='topupconsent',
            index=models.Index(fields=['workspace', '-at'], name='top_up_consent_list'),
        ),
        migrations.AddConstraint(
            model_name='topupconsent',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('workspace',), name='top_up_consent_one_in_force'),
        ),
        migrations.AddConstraint(
            model_name='topup',
            constraint=models.CheckConstraint(condition=models.Q(('attempt__gt', 0), ('outcome__in', ['', 'succeeded', 'declined', 'confirmation', 'refused', 'unanswered'])), name='top_up_outcome'),
        ),
        migrations.AddConstraint(
            model_name='topup',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('outcome', '')), models.Q(models.Q(('outcome', ''), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='top_up_decided_has_its_time'),
        ),
        migrations.AddConstraint(
            model_name='autotopup',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('threshold__gt', 0)), name='auto_top_up_amounts_positive'),
        ),
        migrations.AddConstraint(
            model_name='autotopup',
            constraint=models.CheckConstraint(condition=models.Q(('target', None), ('target__gt', models.F('threshold')), _connector='OR'), name='auto_top_up_target_above_threshold'),
        ),
        migrations.AddConstraint(
            model_name='autotopup',
            constraint=models.CheckConstraint(condition=models.Q(('day_cap__gt', 0), ('month_cap__gt', 0)), name='auto_top_up_caps_positive'),
        ),
        migrations.AddConstraint(
            model_name='autotopup',
            constraint=models.CheckConstraint(condition=models.Q(('enabled', False), ('consent__isnull', False), _connector='OR'), name='auto_top_up_on_with_consent'),
        ),
    ]
