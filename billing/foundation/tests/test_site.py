"""Site settings: one row, cached for seconds, changed with a trace."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from billing.foundation.audit.models import AuditEntry
from billing.foundation.cache import TimedCache, clear_all
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import site
from billing.foundation.site.services import check_usd_per_credit, site_update

pytestmark = pytest.mark.django_db


def test_row_is_made_when_missing_and_then_cached() -> None:
    clear_all()
    assert site().product_name == "Purser"
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert site().usd_per_credit == Decimal("0.005")
    assert len(queries) == 0


def test_save_in_this_process_is_seen_at_once() -> None:
    row = site()
    SiteSettings(pk=1, product_name="Coin").save()
    assert row.product_name == "Purser"
    assert site().product_name == "Coin"


def test_other_processes_see_it_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    SiteSettings.objects.create(pk=1)
    site()
    SiteSettings.objects.update(product_name="Elsewhere")  # no signal, as from another process
    assert site().product_name == "Purser"
    now = 10.0**9
    monkeypatch.setattr("billing.foundation.cache.time.monotonic", lambda: now)
    assert site().product_name == "Elsewhere"


def test_update_is_audited_with_before_and_after(alice: User) -> None:
    site_update(changes={"product_name": "Coin", "usd_per_credit": Decimal("0.01")}, actor=alice)
    entry = AuditEntry.objects.get(action="site.updated")
    assert entry.actor == alice
    assert entry.before == {"product_name": "Purser", "usd_per_credit": "0.005000"}
    assert entry.after == {"product_name": "Coin", "usd_per_credit": "0.01"}


def test_update_without_a_change_leaves_no_trace(alice: User) -> None:
    site_update(changes={"product_name": "Purser"}, actor=alice)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("value", ["0.005", "0.01", "0.001", "1", "0.000001", "0.0002"])
def test_face_values_that_price_exactly(value: str) -> None:
    check_usd_per_credit(Decimal(value))


@pytest.mark.parametrize("value", ["0.003", "0.007", "0", "-1", "3"])
def test_face_values_that_would_round_every_price_are_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        check_usd_per_credit(Decimal(value))


def test_second_row_is_impossible() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        SiteSettings.objects.create(pk=2)


def test_cache_is_bounded() -> None:
    loads: list[int] = []

    def load(key: int) -> int:
        loads.append(key)
        return key

    cache = TimedCache(load, seconds=60, most=2)
    assert [cache.get(key) for key in (1, 2, 1, 3)] == [1, 2, 1, 3]
    assert loads == [1, 2, 3]
    assert len(cache._kept) <= 2
    cache.forget(3)
    assert cache.get(3) == 3
    assert loads == [1, 2, 3, 3]
