"""Changing the site settings."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms.models import model_to_dict
from django.http import HttpRequest

from accounts.models import User
from billing.foundation.audit.services import record_change
from billing.foundation.site.look import check_accents
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site

# The smallest USD amount that prices and charges are written in.
SMALLEST_USD = Decimal("0.000001")


def check_usd_per_credit(value: Decimal) -> None:
    """Raise ValidationError unless a millionth of a dollar is a whole number of nano-credits at this face value."""
    if value <= 0:
        raise ValidationError("The face value of a credit must be above zero.")
    if (SMALLEST_USD * 10**9) % value:
        raise ValidationError(
            f"At {value.normalize():f} USD a credit, a millionth of a dollar is not a whole number of nano-credits. "
            "Choose a value that divides 0.001 evenly, such as 0.005, 0.01, 0.001 or 1."
        )


@transaction.atomic
def site_update(*, changes: dict[str, Any], actor: User | str, request: HttpRequest | None = None) -> SiteSettings:
    """Change the site settings and record who did; raises ValidationError and then changes nothing."""
    SiteSettings.objects.get_or_create(pk=1)
    row = SiteSettings.objects.select_for_update().get(pk=1)
    before = model_to_dict(row)
    for name, value in changes.items():
        setattr(row, name, value)
    row.accent_light, row.accent_dark = row.accent_light.lower(), row.accent_dark.lower()
    check_usd_per_credit(row.usd_per_credit)
    row.full_clean()
    check_accents(row)
    if record_change(
        action="site.updated",
        actor=actor,
        target="site settings",
        before=before,
        after=model_to_dict(row),
        request=request,
    ):
        row.save()
        transaction.on_commit(forget_site)
    return row
