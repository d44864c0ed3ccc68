"""Shared fixtures: alice owns a workspace, bob is a viewer in it, charlie is a stranger."""

import pytest

from accounts.models import Membership, User, Workspace
from accounts.roles import Role


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
