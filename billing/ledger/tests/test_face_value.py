"""What a credit is worth is fixed once the ledger has an entry."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

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


@pytest.mark.django_db(transaction=True)
def test_a_change_waits_for_a_first_grant_that_is_not_committed_yet(ws: int) -> None:
    SiteSettings.objects.get_or_create(pk=1)
    asked = threading.Event()

    def change() -> str:
        try:
            asked.set()
            SiteSettings.objects.update(usd_per_credit=Decimal(1))
        except IntegrityError as error:
            return str(error)
        finally:
            connection.close()
        return "changed"

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            grant(ws, 1)
            told = pool.submit(change)
            asked.wait(10)
            with pytest.raises(TimeoutError):
                told.result(timeout=0.5)
        assert "is fixed once the ledger has an entry" in told.result(timeout=10)
    assert SiteSettings.objects.get().usd_per_credit == Decimal("0.005")
