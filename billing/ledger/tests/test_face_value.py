"""What a credit is worth is fixed once the ledger has an entry."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing.foundation.models import SiteSettings
from billing.ledger.selectors import has_entries
from billing.ledger.tests.helpers import grant


def test_the_face_value_may_be_chosen_until_the_first_entry(ws: int) -> None:
    settings, _ = SiteSettings.objects.get_or_create(pk=1)
    SiteSettings.objects.update(usd_per_credit=Decimal(1))
    assert not has_entries()
    grant(ws, 1)
    assert has_entries()
    with pytest.raises(IntegrityError, match="face value"), transaction.atomic():
        SiteSettings.objects.update(usd_per_credit=Decimal("0.5"))
    with pytest.raises(IntegrityError, match="face value"), transaction.atomic():
        settings.delete()
    SiteSettings.objects.update(credit_name="token", usd_per_credit=Decimal(1))
    assert SiteSettings.objects.get().credit_name == "token"
