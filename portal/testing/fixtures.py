"""Shared fixtures: alice owns a workspace, bob is a viewer in it, charlie is a stranger."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import TransactionTestCase

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.foundation.cache import clear_all


@pytest.fixture(scope="session", autouse=True)
def transactional_tests_may_empty_the_ledger() -> Iterator[None]:
    """The ledger refuses TRUNCATE; between two transactional tests the test database is emptied all the same."""
    original = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def teardown(case: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET purser.ledger_rewrite = 'on'")
        try:
            original(case)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET purser.ledger_rewrite")

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[attr-defined]
    yield
    TransactionTestCase._fixture_teardown = original  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def fresh_caches() -> None:
    """What a process keeps for seconds must not travel from test to test."""
    clear_all()


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice@example.com", "correct horse 1", name="Alice Adams")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob@example.com", "correct horse 2", name="Bob Brown")


@pytest.fixture
def charlie(db: None) -> User:
    return User.objects.create_user("charlie@example.com", "correct horse 3", name="Charlie Clark")


@pytest.fixture
def workspace(alice: User, bob: User) -> Workspace:
    workspace = Workspace.objects.create(name="Northwind AI")
    Membership.objects.create(workspace=workspace, user=alice, role=Role.OWNER)
    Membership.objects.create(workspace=workspace, user=bob, role=Role.VIEWER)
    return workspace
