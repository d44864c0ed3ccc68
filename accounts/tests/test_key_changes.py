"""Other settings for a key, and another key in its place."""

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import hooks
from accounts.errors import NotAllowed, Refused
from accounts.models import ApiKey, Membership, Project, User, Workspace
from accounts.roles import Role
from accounts.selectors.keys import api_key_authenticate
from accounts.services.key_changes import GRACES, api_key_rotate, api_key_update
from accounts.services.keys import api_key_create, api_key_revoke
from accounts.services.projects import project_archive, project_create
from accounts.tests.quartet import page

DAY = timedelta(hours=24)


@pytest.fixture
def project(workspace: Workspace, alice: User) -> Project:
    return project_create(workspace=workspace, name="Voice app", by=alice)


@pytest.fixture
def made(workspace: Workspace, alice: User, project: Project) -> tuple[ApiKey, str]:
    return api_key_create(
        kind="workspace",
        workspace=workspace,
        name="production",
        scopes=["usage:read", "billing:read"],
        project=project,
        rate_limit=60,
        created_by=alice,
    )


@pytest.fixture
def told() -> Any:
    heard: list[dict[str, Any]] = []
    listener: Callable[..., None] = lambda **one: heard.append(one)  # noqa: E731
    hooks.audited.append(listener)
    yield heard
    hooks.audited.remove(listener)


def rotate(key: ApiKey, by: User, grace: timedelta = DAY, **fields: Any) -> tuple[ApiKey, str]:
    return api_key_rotate(key=key, grace=grace, by=by, **{"expires_at": None, **fields})


@pytest.mark.parametrize("grace", GRACES)
def test_the_old_key_works_for_the_grace_and_then_ends_by_itself(
    made: tuple[ApiKey, str], alice: User, grace: timedelta
) -> None:
    key, plain = made
    new, new_plain = rotate(key, alice, grace)
    assert new_plain != plain
    assert api_key_authenticate(new_plain) == new
    assert (api_key_authenticate(plain) is not None) == bool(grace)
    key.refresh_from_db()
    assert key.replaced_by == new
    assert key.revoked_at is None
    assert key.expires_at is not None
    assert timedelta(0) <= timezone.now() + grace - key.expires_at < timedelta(minutes=1)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    assert api_key_authenticate(plain) is None
    assert api_key_authenticate(new_plain) == new


def test_the_new_key_has_the_settings_of_the_old_one(made: tuple[ApiKey, str], alice: User, bob: User) -> None:
    Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    key = made[0]
    until = timezone.now() + timedelta(days=90)
    new, _ = rotate(key, bob, expires_at=until)
    new.refresh_from_db()
    for name in ("kind", "workspace", "project", "name", "scopes", "rate_limit"):
        assert getattr(new, name) == getattr(key, name), name
    assert new.expires_at == until
    assert new.created_by == alice  # whoever made the first one, not who turned the crank


def test_an_earlier_expiry_of_the_old_key_stays(made: tuple[ApiKey, str], alice: User) -> None:
    soon = timezone.now() + timedelta(minutes=5)
    ApiKey.objects.update(expires_at=soon)
    rotate(made[0], alice, timedelta(days=7))
    made[0].refresh_from_db()
    assert made[0].expires_at == soon


def test_a_key_is_rotated_once_and_only_while_it_works(made: tuple[ApiKey, str], alice: User) -> None:
    new, _ = rotate(made[0], alice)
    with pytest.raises(Refused, match="rotated before"):
        rotate(made[0], alice)
    api_key_revoke(key=new, by=alice)
    for ended in (new, ApiKey.objects.create(kind="service", prefix="psk_1", digest="x", revoked_at=timezone.now())):
        with pytest.raises(Refused):
            rotate(ended, alice)
    with pytest.raises(Refused, match="offered"):
        rotate(made[0], alice, timedelta(days=365))
    assert ApiKey.objects.filter(kind="workspace").count() == 2


def test_nobody_gets_by_rotation_what_they_could_not_give_a_new_key(workspace: Workspace, bob: User) -> None:
    Membership.objects.filter(user=bob).update(role=Role.MEMBER)
    for scope in ("billing:write", "usage:write"):
        key, _ = api_key_create(kind="workspace", workspace=workspace, name="k", scopes=["usage:read", scope])
        with pytest.raises(Refused, match=scope):
            rotate(key, bob)
    Membership.objects.filter(user=bob).update(role=Role.VIEWER)
    with pytest.raises(NotAllowed):
        rotate(key, bob)
    with pytest.raises(NotAllowed):
        api_key_update(key=key, name="mine", project=None, rate_limit=None, by=bob)
    assert ApiKey.objects.count() == 2


def test_rotation_is_told_upwards_and_to_the_audit_without_the_secret(
    made: tuple[ApiKey, str], alice: User, told: list[dict[str, Any]]
) -> None:
    pairs: list[tuple[ApiKey, ApiKey]] = []
    listener = lambda old, new: pairs.append((old, new))  # noqa: E731
    hooks.key_rotated.append(listener)
    try:
        new, plain = rotate(made[0], alice)
    finally:
        hooks.key_rotated.remove(listener)
    assert pairs == [(made[0], new)]
    assert [one["action"] for one in told] == ["api_key.created", "api_key.rotated"]
    assert (told[1]["actor"], told[1]["target"]) == (alice, made[0].prefix)
    assert told[1]["after"]["replaced_by"] == new.prefix
    assert plain not in str(told)


@pytest.mark.django_db(transaction=True)
def test_rotating_at_the_same_moment_makes_one_new_key(made: tuple[ApiKey, str], alice: User) -> None:
    results: list[str] = []
    start = threading.Barrier(5)

    def run() -> None:
        start.wait()
        try:
            rotate(made[0], alice)
            results.append("rotated")
        except Refused:
            results.append("refused")
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["refused"] * 4 + ["rotated"]
    assert ApiKey.objects.count() == 2


def test_name_project_and_limit_may_change(
    made: tuple[ApiKey, str], workspace: Workspace, alice: User, told: list[dict[str, Any]]
) -> None:
    key, plain = made
    other = project_create(workspace=workspace, name="Web", by=alice)
    told.clear()
    for _ in range(2):  # the second time there is nothing to tell
        api_key_update(key=key, name="  prod  eu ", project=other, rate_limit=None, by=alice)
    key.refresh_from_db()
    assert (key.name, key.project, key.rate_limit) == ("prod eu", other, None)
    assert key.scopes == ["usage:read", "billing:read"]
    assert api_key_authenticate(plain) == key
    assert [(one["action"], one["before"], one["after"]) for one in told] == [
        (
            "api_key.changed",
            {"name": "production", "project": "voice-app", "rate_limit": 60},
            {"name": "prod eu", "project": "web", "rate_limit": None},
        )
    ]


def test_a_key_moves_to_no_foreign_or_archived_project(
    made: tuple[ApiKey, str], workspace: Workspace, alice: User
) -> None:
    foreign = Project.objects.create(workspace=Workspace.objects.create(name="Other"), slug="x", name="X")
    archived = project_archive(project=project_create(workspace=workspace, name="Old", by=alice), by=alice)
    for wrong in (
        *({"project": foreign}, {"project": archived}),
        *({"name": " "}, {"name": "x" * 121}, {"rate_limit": 0}, {"rate_limit": 10**7}),
    ):
        fields: dict[str, Any] = {"name": "k", "project": None, "rate_limit": None, **wrong}
        with pytest.raises(Refused):
            api_key_update(key=made[0], by=alice, **fields)
    api_key_revoke(key=made[0], by=alice)
    with pytest.raises(Refused, match="has ended"):
        api_key_update(key=made[0], name="k", project=None, rate_limit=None, by=alice)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "works"),
        ({"expires_at": timedelta(days=8)}, "works"),
        ({"expires_at": timedelta(days=6, hours=23)}, "expiring"),
        ({"expires_at": timedelta(seconds=-1)}, "expired"),
        ({"expires_at": timedelta(hours=1), "replaced": True}, "replaced"),
        ({"expires_at": timedelta(seconds=-1), "replaced": True}, "expired"),
        ({"expires_at": timedelta(days=1), "revoked_at": timedelta(0)}, "revoked"),
    ],
)
def test_states(fields: dict[str, Any], state: str) -> None:
    key = ApiKey(**{name: timezone.now() + value for name, value in fields.items() if name != "replaced"})
    key.replaced_by_id = 1 if fields.get("replaced") else None
    assert key.state == state
    assert key.ended == (state in ("expired", "revoked"))


def test_the_page_rotates_and_shows_the_new_key_once(
    made: tuple[ApiKey, str], workspace: Workspace, alice_client: Client
) -> None:
    url = page(workspace, f"keys/{made[0].pk}/rotate")
    html = alice_client.get(url).content.decode()
    assert all(label in html for label in ("it ends at once", "1 hour", "24 hours", "7 days"))
    form = {"grace": "1", "life": "30", "once": "r1"}
    response = alice_client.post(url, form)
    assert response.status_code == 201
    assert "no-store" in response["Cache-Control"]
    shown = re.search(r'id="new-key">(pws_\w+)<', response.content.decode())
    assert shown
    assert b"and then ends by itself" in response.content
    new = api_key_authenticate(shown[1])
    assert new is not None
    assert new.expires_at is not None
    assert timedelta(days=29) < new.expires_at - timezone.now() <= timedelta(days=30)
    assert b"shown only once" in alice_client.post(url, form, follow=True).content
    listed = alice_client.get(page(workspace, "keys")).content.decode()
    assert "Being replaced" in listed
    assert shown[1] not in listed
    assert b"Replaced by" in alice_client.get(page(workspace, f"keys/{made[0].pk}")).content
    assert ApiKey.objects.count() == 2


def test_a_key_made_for_some_days_is_followed_by_one_for_as_many(
    workspace: Workspace, alice: User, alice_client: Client
) -> None:
    key, _ = api_key_create(
        kind="workspace",
        workspace=workspace,
        name="k",
        scopes=["usage:read"],
        expires_at=timezone.now() + timedelta(days=30),
        created_by=alice,
    )
    url = page(workspace, f"keys/{key.pk}/rotate")
    assert "As long as this one was made for: 30 days" in alice_client.get(url).content.decode()
    assert b"no longer works" in alice_client.post(url, {"grace": "0", "life": "as before"}).content
    key.refresh_from_db()
    assert key.replaced_by is not None
    assert key.replaced_by.expires_at is not None
    assert timedelta(days=29, hours=23) < key.replaced_by.expires_at - timezone.now() <= timedelta(days=30)
    assert b"has ended" in alice_client.post(url, {"grace": "0", "life": ""}).content


@pytest.mark.parametrize(
    "form", [{"grace": ""}, {"grace": "9"}, {"grace": "1", "life": "5"}, {"grace": "1", "life": "as before"}]
)
def test_what_is_not_offered_is_refused(
    made: tuple[ApiKey, str], workspace: Workspace, alice_client: Client, form: dict[str, str]
) -> None:
    assert alice_client.post(page(workspace, f"keys/{made[0].pk}/rotate"), form).status_code == 422
    assert ApiKey.objects.count() == 1


def test_the_page_of_a_key_changes_its_settings(
    made: tuple[ApiKey, str], workspace: Workspace, alice_client: Client, bob_client: Client
) -> None:
    key = made[0]
    url = page(workspace, f"keys/{key.pk}")
    assert 'value="production"' in alice_client.get(url).content.decode()
    assert b"/update" not in bob_client.get(url).content
    response = alice_client.post(f"{url}/update", {"name": "prod", "project": "", "rate_limit": "120"})
    assert response["Location"] == page(workspace, "keys")
    key.refresh_from_db()
    assert (key.name, key.project, key.rate_limit) == ("prod", None, 120)
    assert alice_client.post(f"{url}/update", {"name": "", "rate_limit": "0"}).status_code == 422
    api_key_revoke(key=key, by=None)
    assert alice_client.post(f"{url}/update", {"name": "x"}).status_code == 422
    assert b"/update" not in alice_client.get(url).content


def test_a_life_or_a_last_day_but_not_both(workspace: Workspace, alice_client: Client) -> None:
    url = page(workspace, "keys/new")
    form = {"name": "k", "scopes": ["usage:read"]}
    tomorrow = (timezone.now() + timedelta(days=1)).date().isoformat()
    assert b"not both" in alice_client.post(url, form | {"life": "7", "expires_on": tomorrow}).content
    assert alice_client.post(url, form | {"life": "7"}).status_code == 201
    left = ApiKey.objects.get().expires_at - timezone.now()  # type: ignore[operator]
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    assert alice_client.post(url, form).status_code == 201
    assert ApiKey.objects.filter(expires_at=None).count() == 1


def test_limits_stand_on_the_page_and_are_asked_for_again(
    made: tuple[ApiKey, str], workspace: Workspace, alice_client: Client
) -> None:
    url = page(workspace, "keys")
    html = alice_client.get(url).content.decode()
    assert "of 60" in html
    assert "its own limit" in html
    assert "No limit" in html
    assert 'hx-trigger="every 10s"' in html
    Workspace.objects.update(rate_limit=600)
    html = alice_client.get(page(workspace, "keys/minutes")).content.decode()
    assert f'id="minute-{made[0].pk}" hx-swap-oob="true"' in html
    assert "of 600" in html
    api_key_revoke(key=made[0], by=None)
    assert f"minute-{made[0].pk}" not in alice_client.get(page(workspace, "keys/minutes")).content.decode()


def test_keys_that_end_soon_are_pointed_out_and_ended_ones_come_last(
    workspace: Workspace, alice_client: Client, bob_client: Client
) -> None:
    for name, days in (("ended", -1), ("soon", 3), ("later", 30)):
        key, _ = api_key_create(kind="workspace", workspace=workspace, name=name, scopes=["usage:read"])
        ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() + timedelta(days=days))
    html = alice_client.get(page(workspace, "keys")).content.decode()
    assert "Rotate soon" in html.partition("<table")[0]
    assert "Rotate later" not in html.partition("<table")[0]
    assert html.index("<b>later</b>") < html.index("<b>soon</b>") < html.index("<b>ended</b>")
    assert "Rotate soon" not in bob_client.get(page(workspace, "keys")).content.decode()
