"""What expired in a workspace, for telling lots that expired from those that were used up."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_portal_link'),
        ('ledger', '0008_find_reversals_in_their_workspace'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(condition=models.Q(('kind', 'lot.expire')), fields=['workspace', '-seq'], name='transfer_expiry'),
        ),
    ]
