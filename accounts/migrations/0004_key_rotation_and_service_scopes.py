import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Keys know what replaced them and whether their expiry was told; scopes that reach every customer stay with the operator."""

    dependencies = [
        ('accounts', '0003_invitation_recent_sends'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='replaced_by',
            field=models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='replaces', to='accounts.apikey'),
        ),
        migrations.AddField(
            model_name='apikey',
            name='expiry_told_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(condition=models.Q(('expires_at__isnull', False), ('expiry_told_at', None), ('revoked_at', None)), fields=['expires_at'], name='api_key_expiry_not_told'),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'service'), models.Q(('scopes__overlap', ['workspaces:read', 'workspaces:write']), _negated=True), _connector='OR'), name='api_key_scopes_fit_kind'),
        ),
    ]
