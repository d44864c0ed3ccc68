"""The statement lists grants, purchases and corrections one by one, among millions of transfers that requests made."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_portal_link'),
        ('ledger', '0010_wallet_budget_revision'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(condition=models.Q(('kind__in', ('hold.place', 'hold.extend', 'hold.settle', 'hold.release', 'hold.expire', 'hold.overdraft', 'hold.overdraft_end', 'usage.spend', 'usage.debt')), _negated=True), fields=['workspace', '-seq'], name='transfer_not_of_request'),
        ),
    ]
