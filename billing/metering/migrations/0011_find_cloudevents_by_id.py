"""The receipt of a CloudEvent is found by its id alone, whatever its source."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_portal_link'),
        ('ledger', '0010_wallet_budget_revision'),
        ('metering', '0010_count_end_users_of_before'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='usageevent',
            index=models.Index(condition=models.Q(('origin__in', ('workspace', 'service')), _negated=True), fields=['workspace', 'event_id'], name='usage_event_of_other_origin'),
        ),
    ]
