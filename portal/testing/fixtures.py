"""Shared fixtures: alice owns a workspace, bob is a viewer in it, charlie is a stranger."""

from collections.abc import Callable, Iterable

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from hypothesis import settings

from accounts.models import ApiKey, Membership, User, Workspace
from accounts.roles import Role
from accounts.scopes import WORKSPACE_SCOPES, KeyKind, Scope
from accounts.services.keys import api_key_create

# Property tests: the same examples on every machine, and no failure only because the machine is busy.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("full", deadline=None, max_examples=1_000)  # --hypothesis-profile=full
settings.load_profile("suite")


def person(email: str, password: str, name: str) -> User:
    user = User.objects.create_user(email, password, name=name)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    return user


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def alice(db: None) -> User:
    return person("alice@example.com", "correct horse 1", "Alice Adams")


@pytest.fixture
def bob(db: None) -> User:
    return person("bob@example.com", "correct horse 2", "Bob Brown")


@pytest.fixture
def charlie(db: None) -> User:
    return person("charlie@example.com", "correct horse 3", "Charlie Clark")


@pytest.fixture
def workspace(alice: User, bob: User) -> Workspace:
    workspace = Workspace.objects.create(name="Northwind AI")
    Membership.objects.create(workspace=workspace, user=alice, role=Role.OWNER)
    Membership.objects.create(workspace=workspace, user=bob, role=Role.VIEWER)
    return workspace


@pytest.fixture
def alice_client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def bob_client(bob: User) -> Client:
    return client_of(bob)


@pytest.fixture
def charlie_client(charlie: User) -> Client:
    return client_of(charlie)


@pytest.fixture
def workspace_key(workspace: Workspace) -> Callable[..., tuple[ApiKey, str]]:
    """`workspace_key(scopes=[…])`: a key of the workspace and its plain text; every scope unless told."""

    def make(scopes: Iterable[str] = WORKSPACE_SCOPES, name: str = "test key") -> tuple[ApiKey, str]:
        return api_key_create(kind=KeyKind.WORKSPACE, workspace=workspace, name=name, scopes=scopes)

    return make


@pytest.fixture
def service_key(db: None) -> tuple[ApiKey, str]:
    return api_key_create(kind=KeyKind.SERVICE, workspace=None, name="backend", scopes=list(Scope))
