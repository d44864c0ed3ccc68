"""What requests were expected to cost."""

import django.db.models.deletion
from django.db import migrations, models

# What was expected is not changed by what happened: only so does it tell how good expectations are.
FORWARD = """
CREATE TRIGGER authorization_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_authorization
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
"""
BACKWARD = "DROP TRIGGER authorization_append_only ON usage_authorization"


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ('usage', '0001_authorization'),
        ('usage', '0002_authorization_append_only'),
        ('usage', '0003_fewer_indexes'),
    ]
    dependencies = [
        ('accounts', '0001_squashed_0008_erased_people'),
        ('ledger', '0001_squashed_0018_list_what_came_in_on_some_days'),
    ]
    operations = [
        migrations.CreateModel(
            name='Authorization',
            fields=[
                ('hold', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='authorization', serialize=False, to='ledger.hold')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                ('api_key', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.apikey')),
                ('provider', models.CharField(blank=True, max_length=80)),
                ('model', models.CharField(blank=True, max_length=200)),
                ('variant', models.JSONField(default=dict)),
                ('project', models.CharField(blank=True, max_length=120)),
                ('agent', models.CharField(blank=True, max_length=120)),
                ('app', models.CharField(blank=True, max_length=120)),
                ('task', models.CharField(blank=True, max_length=120)),
                ('basis', models.CharField(max_length=12)),
                ('note', models.CharField(blank=True, max_length=600)),
                ('usage', models.JSONField(default=dict)),
                ('expected', models.BigIntegerField()),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('expected__gte', 0)), name='authorization_expected_not_negative')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
