"""A workspace gets so many new end users a day in its breakdown; further ones are summed."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('foundation', '0004_velocity_stop'),
    ]

    operations = [
        migrations.AddField(
            model_name='sitesettings',
            name='max_end_users',
            field=models.PositiveIntegerField(default=10000),
        ),
    ]
