"""How long details of events and texts of e-mails are kept, and when the monthly maintenance runs."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('foundation', '0005_cap_end_users'),
    ]

    operations = [
        migrations.AddField(
            model_name='sitesettings',
            name='event_detail_months',
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='sitesettings',
            name='maintenance_hour',
            field=models.PositiveSmallIntegerField(default=3),
        ),
        migrations.AddField(
            model_name='sitesettings',
            name='outbox_text_days',
            field=models.PositiveSmallIntegerField(blank=True, default=90, null=True),
        ),
        migrations.AddConstraint(
            model_name='sitesettings',
            constraint=models.CheckConstraint(condition=models.Q(('maintenance_hour__lt', 24)), name='site_maintenance_hour_of_a_day'),
        ),
    ]
