"""What was told long ago is found by its age."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('foundation', '0014_long_unsubscribe_links'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='newstold',
            index=models.Index(fields=['told_at'], name='news_told_age'),
        ),
    ]
