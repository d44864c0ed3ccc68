from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import hooks
from accounts.errors import Refused
from accounts.models import ApiKey, Membership, Project, User, Workspace
from accounts.roles import Role
from accounts.scopes import KeyKind, Scope
from accounts.selectors.keys import api_key_authenticate
from accounts.services.keys import api_key_create, api_key_revoke, digest_of, scopes_allowed, touch
from accounts.services.projects import project_archive, project_create

MakeKey = Callable[..., tuple[ApiKey, str]]


@pytest.fixture
def statements(db: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that reaches psycopg, also those that Django's own query log never sees."""
    seen: list[str] = []
    execute = psycopg.Cursor.execute

    def noting(cursor: Any, query: Any, *args: Any, **options: Any) -> Any:
        seen.append(str(query))
        return execute(cursor, query, *args, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", noting)
    ApiKey.objects.exists()
    assert len(seen) == 1  # Django's statements pass here too
    seen.clear()
    return seen


def test_a_key_has_the_promised_shape_and_only_its_hash_is_kept(workspace_key: MakeKey) -> None:
    key, plain = workspace_key()
    assert plain.startswith(key.prefix + "_")
    assert key.prefix.startswith("pws_")
    assert (len(key.prefix), len(plain)) == (12, 53)
    key.refresh_from_db()
    assert key.digest == digest_of(plain)
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM accounts_apikey t")
        assert plain not in str(cursor.fetchall())


def test_authentication_is_one_query_with_workspace_and_project(
    workspace: Workspace, alice: User, statements: list[str]
) -> None:
    project = project_create(workspace=workspace, name="Voice app", by=alice)
    _, plain = api_key_create(
        kind=KeyKind.WORKSPACE, workspace=workspace, name="k", scopes=["usage:read"], project=project, created_by=alice
    )
    statements.clear()
    key = api_key_authenticate(plain)
    assert key is not None
    assert (key.workspace, key.project) == (workspace, project)
    assert (key.workspace.name, key.project.name) == ("Northwind AI", "Voice app")
    assert len(statements) == 1
    assert "accounts_apikey" in statements[0]


def test_an_unknown_key_of_the_right_shape_is_asked_for_once(statements: list[str]) -> None:
    assert api_key_authenticate("pws_abcdefgh_" + "x" * 40) is None
    assert len(statements) == 1


@pytest.mark.parametrize(
    "plain", ["", "pws_", "x" * 53, "pws_abcdefgh_\x00" + "a" * 39, "pws_" + "é" * 49, "pws_%" * 11]
)
def test_nonsense_is_no_key_and_asks_the_database_nothing(statements: list[str], plain: str) -> None:
    assert api_key_authenticate(plain) is None
    assert statements == []


def test_the_right_prefix_with_another_secret_is_refused(workspace_key: MakeKey) -> None:
    _, plain = workspace_key()
    assert api_key_authenticate(plain) is not None
    assert api_key_authenticate(plain[:-1] + ("A" if plain[-1] != "A" else "B")) is None


def test_a_revoked_key_is_refused_and_revoking_twice_keeps_the_first_time(workspace_key: MakeKey, alice: User) -> None:
    key, plain = workspace_key()
    api_key_revoke(key=key, by=alice)
    first = key.revoked_at
    api_key_revoke(key=ApiKey.objects.get(pk=key.pk), by=alice)
    key.refresh_from_db()
    assert key.revoked_at == first
    assert api_key_authenticate(plain) is None


def test_an_expired_key_is_refused(workspace_key: MakeKey) -> None:
    key, plain = workspace_key()
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() + timedelta(minutes=1))
    assert api_key_authenticate(plain) is not None
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    assert api_key_authenticate(plain) is None


def test_use_is_noted_at_most_once_a_minute_across_processes(workspace_key: MakeKey) -> None:
    key, _ = workspace_key()
    touch(key)
    first = key.last_used_at
    assert first is not None
    with CaptureQueriesContext(connection) as queries:
        touch(key)
    assert len(queries) == 0
    # Another process still holds the row as it was before; the database decides.
    stale = ApiKey.objects.get(pk=key.pk)
    stale.last_used_at = None
    touch(stale)
    key.refresh_from_db()
    assert key.last_used_at == first
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=first - timedelta(minutes=2))
    key.refresh_from_db()
    touch(key)
    assert key.last_used_at > first


def test_a_customer_may_not_write_its_own_bill_unless_the_operator_allows_it(workspace: Workspace, alice: User) -> None:
    wanted = {"kind": KeyKind.WORKSPACE, "workspace": workspace, "name": "k", "scopes": ["usage:write"]}
    with pytest.raises(Refused, match="usage:write"):
        api_key_create(**wanted, created_by=alice)  # type: ignore[arg-type]
    workspace.usage_write_allowed = True
    assert api_key_create(**wanted, created_by=alice)[0].scopes == ["usage:write"]  # type: ignore[arg-type]


def test_a_member_hands_a_key_no_more_than_the_own_role(workspace: Workspace, bob: User, alice: User) -> None:
    Membership.objects.filter(user=bob).update(role=Role.MEMBER)
    assert scopes_allowed(workspace=workspace, by=bob) == [Scope.USAGE_READ, Scope.BILLING_READ]
    assert Scope.BILLING_WRITE in scopes_allowed(workspace=workspace, by=alice)
    with pytest.raises(Refused, match="billing:write"):
        api_key_create(kind=KeyKind.WORKSPACE, workspace=workspace, name="k", scopes=["billing:write"], created_by=bob)


def test_unknown_scopes_no_scope_and_odd_limits_are_refused(workspace: Workspace) -> None:
    for wrong in (
        {"scopes": ["root"]},
        {"scopes": []},
        {"name": " "},
        {"rate_limit": 0},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
    ):
        fields = {"kind": KeyKind.WORKSPACE, "workspace": workspace, "name": "k", "scopes": ["usage:read"], **wrong}
        with pytest.raises(Refused):
            api_key_create(**fields)  # type: ignore[arg-type]
    assert ApiKey.objects.count() == 0


def test_a_service_key_has_no_workspace(workspace: Workspace, service_key: tuple[ApiKey, str]) -> None:
    key, plain = service_key
    assert plain.startswith("psk_")
    assert key.workspace is None
    found = api_key_authenticate(plain)
    assert found is not None
    assert found.kind == KeyKind.SERVICE
    with pytest.raises(ValueError, match="service key"):
        api_key_create(kind=KeyKind.SERVICE, workspace=workspace, name="k", scopes=["usage:read"])


def test_scopes_that_reach_every_customer_are_for_service_keys_only(workspace: Workspace) -> None:
    api_key_create(kind=KeyKind.SERVICE, workspace=None, name="k", scopes=["workspaces:write"])
    with pytest.raises(Refused, match="workspaces:read"):
        api_key_create(kind=KeyKind.WORKSPACE, workspace=workspace, name="k", scopes=["workspaces:read"])
    with pytest.raises(IntegrityError, match="api_key_scopes_fit_kind"):
        ApiKey.objects.create(kind=KeyKind.WORKSPACE, workspace=workspace, name="k", scopes=["workspaces:read"])


def test_a_key_cannot_join_a_foreign_or_archived_project(workspace: Workspace, alice: User) -> None:
    foreign = Project.objects.create(workspace=Workspace.objects.create(name="Other"), slug="x", name="X")
    own = project_archive(project=project_create(workspace=workspace, name="Old", by=alice), by=alice)
    for project in (foreign, own):
        with pytest.raises(Refused):
            api_key_create(
                kind=KeyKind.WORKSPACE, workspace=workspace, name="k", scopes=["usage:read"], project=project
            )


def test_making_and_revoking_is_told_to_the_audit_without_the_secret(workspace: Workspace, alice: User) -> None:
    heard: list[dict[str, object]] = []
    listener = lambda **told: heard.append(told)  # noqa: E731
    hooks.audited.append(listener)
    try:
        key, plain = api_key_create(
            kind=KeyKind.WORKSPACE, workspace=workspace, name="k", scopes=["usage:read"], created_by=alice
        )
        api_key_revoke(key=key, by=alice)
    finally:
        hooks.audited.remove(listener)
    assert [told["action"] for told in heard] == ["api_key.created", "api_key.revoked"]
    assert {told["actor"] for told in heard} == {alice}
    assert plain not in str(heard)
