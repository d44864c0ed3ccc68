"""The first charges of an installation use the face value that stays."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Workspace
from billing.foundation.models import SiteSettings
from billing.foundation.site.selectors import forget_site, site
from billing.metering.tests.conftest import event, fund

Record = Callable[..., Any]


@pytest.fixture(autouse=True)
def saved(db: None) -> None:
    """The settings were saved once, and nothing of them is kept yet."""
    SiteSettings.objects.create(pk=1)
    forget_site()


def set_face_value(usd: str) -> None:
    """As another process does it: nothing that this one keeps is forgotten."""
    SiteSettings.objects.update(usd_per_credit=Decimal(usd))


@pytest.mark.django_db
@pytest.mark.parametrize("together", [False, True])
def test_a_face_value_kept_from_before_a_change_charges_nothing(record: Record, batch: Record, together: bool) -> None:
    assert site().usd_per_credit == Decimal("0.005")
    set_face_value("0.01")
    if together:
        assert batch([event("a"), event("b")]).nano == 2 * 36_000_000
    else:
        assert record(event("a")).nano == 36_000_000


@pytest.mark.django_db
def test_also_when_another_process_made_the_first_entry(record: Record, workspace: Workspace) -> None:
    assert site().usd_per_credit == Decimal("0.005")
    set_face_value("0.01")
    fund(workspace)
    assert record(event("a")).nano == 36_000_000


@pytest.mark.django_db(transaction=True)
def test_a_change_waits_for_the_first_charge_and_is_refused(record: Record) -> None:
    site()
    begun = threading.Event()

    def change() -> str:
        try:
            begun.set()
            set_face_value("0.01")
        except IntegrityError as error:
            return str(error)
        finally:
            connection.close()
        return "changed"

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert record(event("a")).nano == 72_000_000
            told = pool.submit(change)
            begun.wait(10)
            with pytest.raises(TimeoutError):
                told.result(timeout=0.5)
        assert "fixed once the ledger has an entry" in told.result(timeout=10)


@pytest.mark.django_db(transaction=True)
def test_a_ledger_in_use_asks_nothing_about_it(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event("a"))
    with CaptureQueriesContext(connection) as queries:
        record(event("b"))
    tables = ("foundation_sitesettings", "ledger_transfer")
    assert [query for query in queries.captured_queries if any(table in query["sql"] for table in tables)] == []
