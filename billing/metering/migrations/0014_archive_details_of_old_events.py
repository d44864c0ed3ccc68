"""An event says in which file its details are once they are no longer in its row."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_portal_link'),
        ('metering', '0013_events_kept_as_recorded'),
    ]

    operations = [
        migrations.CreateModel(
            name='EventArchive',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('part', models.PositiveIntegerField()),
                ('file', models.CharField(max_length=200)),
                ('sha256', models.BinaryField(max_length=32)),
                ('events', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField()),
                ('thinned_at', models.DateTimeField(null=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
            ],
        ),
        migrations.AddField(
            model_name='usageevent',
            name='archive',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='metering.eventarchive'),
        ),
        migrations.AddIndex(
            model_name='eventarchive',
            index=models.Index(condition=models.Q(('thinned_at', None)), fields=['id'], name='event_archive_unfinished'),
        ),
        migrations.AddConstraint(
            model_name='eventarchive',
            constraint=models.UniqueConstraint(fields=('workspace', 'month', 'part'), name='event_archive_part_once'),
        ),
        migrations.AddConstraint(
            model_name='eventarchive',
            constraint=models.CheckConstraint(condition=models.Q(('month__day', 1)), name='event_archive_of_a_month'),
        ),
    ]
