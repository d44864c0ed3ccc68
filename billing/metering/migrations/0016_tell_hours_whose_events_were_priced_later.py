"""What is kept of a day is read anew when its events got their price later."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('metering', '0015_events_kept_or_archived'),
    ]

    operations = [
        migrations.AddField(
            model_name='hourtotal',
            name='priced_later',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
    ]
