"""Messages may take files along."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('foundation', '0009_prices'),
    ]

    operations = [
        migrations.AddField(
            model_name='outboxmessage',
            name='attachments',
            field=models.JSONField(blank=True, db_default=[], default=list),
        ),
    ]
