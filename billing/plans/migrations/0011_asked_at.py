"""A subscription keeps when Stripe was asked for what is known of it."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("plans", "0010_kept_as_agreed")]
    operations = [
        migrations.AddField("subscription", "asked_at", models.DateTimeField(null=True, blank=True)),
        migrations.AddConstraint(
            "subscription",
            models.CheckConstraint(
                condition=Q(asked_at=None) | Q(stripe_id__isnull=False), name="subscription_asked_at_stripe"
            ),
        ),
    ]
