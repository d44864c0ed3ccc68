"""Reversals are looked for in their workspace: one index for what was reversed, and for all reversals of a workspace."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_invitation_recent_sends'),
        ('ledger', '0007_holds_append_only'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='transfer',
            name='transfer_reversed',
        ),
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(condition=models.Q(('reverses__isnull', False)), fields=['workspace', 'reverses'], name='transfer_reversals'),
        ),
    ]
