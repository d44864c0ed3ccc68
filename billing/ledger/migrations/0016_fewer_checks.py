"""The same rules in fewer constraints: PostgreSQL reads each stored expression anew with every request."""

from datetime import timedelta

from django.db import migrations, models
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest, Least
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual

REMOVED = (
    ("hold", "hold_amount_not_negative"),  # nothing less than its overdraft, which is not negative
    ("hold", "hold_lives_a_day_at_most"),
    ("lot", "lot_amount_positive"),
    ("lot", "lot_remaining_within_amount"),
    ("lot", "lot_held_within_remaining"),
    ("wallet", "wallet_amounts_not_negative"),
    ("wallet", "wallet_topup_bound_not_negative"),
)
ADDED = (
    (
        "hold",
        "hold_lives_a_day_at_most",
        Q(
            LessThanOrEqual(Greatest("expires_at", "open_until"), F("created_at") + timedelta(hours=24)),
            expires_at__gt=F("created_at"),
        ),
    ),
    (
        "lot",
        "lot_held_within_remaining_within_amount",
        Q(amount__gt=0, held__gte=0, held__lte=F("remaining"), remaining__lte=F("amount")),
    ),
    (
        "wallet",
        "wallet_amounts_not_negative",
        GreaterThanOrEqual(
            Least(
                *("available", "held", "debt", "overdraft_held", "overdraft_limit", "open_holds"),
                "topup_bound",
            ),
            Value(0),
        ),
    ),
)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0015_alert_bound")]
    operations = [
        *(migrations.RemoveConstraint(model, name) for model, name in REMOVED),
        *(
            migrations.AddConstraint(model, models.CheckConstraint(condition=condition, name=name))
            for model, name, condition in ADDED
        ),
    ]
