"""An event names the hold it settled; holds reserve quantities of allowances."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_invitation_recent_sends'),
        ('ledger', '0008_find_reversals_in_their_workspace'),
        ('metering', '0005_let_series_vouch_for_keys_and_projects'),
    ]

    operations = [
        migrations.CreateModel(
            name='AllowanceHold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('quantity', models.DecimalField(decimal_places=9, max_digits=21)),
            ],
        ),
        migrations.AddField(
            model_name='usageevent',
            name='hold',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.hold'),
        ),
        migrations.AddConstraint(
            model_name='usageevent',
            constraint=models.UniqueConstraint(condition=models.Q(('hold__isnull', False)), fields=('hold',), name='usage_event_one_per_hold'),
        ),
        migrations.AddField(
            model_name='allowancehold',
            name='allowance',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='metering.allowance'),
        ),
        migrations.AddField(
            model_name='allowancehold',
            name='hold',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.hold'),
        ),
        migrations.AddConstraint(
            model_name='allowancehold',
            constraint=models.UniqueConstraint(fields=('hold', 'allowance'), name='allowance_hold_once'),
        ),
        migrations.AddConstraint(
            model_name='allowancehold',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gt', 0)), name='allowance_hold_of_something'),
        ),
    ]
