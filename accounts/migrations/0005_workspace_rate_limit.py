from django.db import migrations, models


class Migration(migrations.Migration):
    """A limit of requests for all keys of a workspace together."""

    dependencies = [
        ('accounts', '0004_key_rotation_and_service_scopes'),
    ]

    operations = [
        migrations.AddField(
            model_name='workspace',
            name='rate_limit',
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name='requests per minute, all its keys'),
        ),
        migrations.AddConstraint(
            model_name='workspace',
            constraint=models.CheckConstraint(condition=models.Q(('rate_limit__gt', 0)), name='workspace_rate_limit_positive'),
        ),
    ]
