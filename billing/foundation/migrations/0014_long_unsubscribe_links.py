"""A link that ends mails holds the address of its reader, which may be long."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('foundation', '0013_mail_preferences'),
    ]

    operations = [
        migrations.AlterField(
            model_name='outboxmessage',
            name='unsubscribe',
            field=models.CharField(blank=True, db_default='', default='', max_length=1000),
        ),
    ]
