"""Versions are published, plans retired and add-ons offered at a time that is decided before."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('plans', '0012_plan_payments_to_confirm'),
    ]

    operations = [
        migrations.AddField(
            model_name='addon',
            name='ends_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='addon',
            name='starts_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='plan',
            name='retires_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='planversion',
            name='publish_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='planversion',
            name='publish_by',
            field=models.CharField(blank=True, db_default='', max_length=200),
        ),
        migrations.AddConstraint(
            model_name='addon',
            constraint=models.CheckConstraint(condition=models.Q(('starts_at', None), ('ends_at', None), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='add_on_ends_after_its_start'),
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.CheckConstraint(condition=models.Q(('retires_at', None), models.Q(('visibility', 'retired'), _negated=True), _connector='OR'), name='plan_retires_while_it_is_on_offer'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('publish_at', None), ('publish_by', '')), models.Q(('publish_at__isnull', False), ('published_at', None)), _connector='OR'), name='plan_version_scheduled_is_a_draft'),
        ),
    ]
