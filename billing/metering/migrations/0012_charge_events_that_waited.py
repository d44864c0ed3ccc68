"""An event that waited for a price says when it got one; late events are found by the hour they count in."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_portal_link'),
        ('ledger', '0010_wallet_budget_revision'),
        ('metering', '0011_find_cloudevents_by_id'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='usageevent',
            name='usage_event_unrated',
        ),
        migrations.AddField(
            model_name='usageevent',
            name='priced_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='usageevent',
            name='unrated_as',
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddIndex(
            model_name='usageevent',
            index=models.Index(condition=models.Q(('late', True)), fields=['workspace', 'booked_at'], name='usage_event_late'),
        ),
        migrations.AddIndex(
            model_name='usageevent',
            index=models.Index(condition=models.Q(('problem', ''), _negated=True), fields=['workspace', 'recorded_at'], name='usage_event_waiting'),
        ),
        migrations.AddConstraint(
            model_name='usageevent',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('priced_at', None), ('unrated_as', None)), models.Q(('priced_at__isnull', False), ('problem', ''), ('unrated_as__isnull', False), models.Q(('unrated_as', ''), _negated=True)), _connector='OR'), name='usage_event_priced_once'),
        ),
    ]
