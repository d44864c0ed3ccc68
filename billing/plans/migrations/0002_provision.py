import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What the operator's backend was told when it made a workspace, so that a repeat is told the same."""

    dependencies = [
        ('accounts', '0006_portal_link'),
        ('plans', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Provision',
            fields=[
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='accounts.workspace')),
                ('key', models.CharField(blank=True, max_length=200)),
                ('request_hash', models.BinaryField(max_length=32)),
                ('result', models.JSONField()),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(fields=('key',), condition=models.Q(('key', ''), _negated=True), name='provision_once_per_key'),
                ],
            },
        ),
    ]
