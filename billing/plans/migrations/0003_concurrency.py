"""How many requests at the same time a plan allows; those that exist allow as many as wanted, as before."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('plans', '0002_provision'),
    ]

    operations = [
        migrations.AddField(
            model_name='planversion',
            name='concurrency',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.CheckConstraint(condition=models.Q(('concurrency', None), ('concurrency__gt', 0), _connector='OR'), name='plan_concurrency_positive'),
        ),
    ]
