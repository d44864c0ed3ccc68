"""Between two tests: the database is emptied although it refuses to be, and processes forget what they kept."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import TransactionTestCase

from billing.foundation.cache import clear_all
from billing.metering.selectors.kept import forget_days
from billing.pricing.models import Meter

_meters: list[Meter] = []


@pytest.fixture(scope="session", autouse=True)
def transactional_tests_may_empty_the_ledger() -> Iterator[None]:
    """The ledger refuses TRUNCATE; between two transactional tests the test database is emptied all the same, but for
    the meters, which migrations make.
    """
    original = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def teardown(case: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET purser.ledger_rewrite = 'on'")
        try:
            original(case)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET purser.ledger_rewrite")
        _restore_meters()

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[attr-defined]
    yield
    TransactionTestCase._fixture_teardown = original  # type: ignore[attr-defined]


def _restore_meters() -> None:
    if _meters:
        Meter.objects.bulk_create(_meters)
        return
    import_module("billing.pricing.migrations.0003_meters").add_meters(apps, None)
    import_module("billing.pricing.migrations.0005_map_searches").add_meter(apps, None)
    _meters.extend(Meter.objects.order_by("position"))


@pytest.fixture(autouse=True)
def fresh_caches() -> None:
    """What a process keeps must not travel from test to test."""
    clear_all()
    forget_days()
