import pytest
from django.test import Client

from accounts.errors import Refused
from accounts.models import ApiKey, Project, User, Workspace
from accounts.services.keys import api_key_create, api_key_revoke
from accounts.services.projects import project_archive, project_create, project_rename, project_restore
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods, refuses_role


@pytest.fixture
def project(workspace: Workspace, alice: User) -> Project:
    return project_create(workspace=workspace, name="Voice App", by=alice)


def test_renaming_keeps_the_slug_that_usage_names(project: Project, alice: User) -> None:
    assert project.slug == "voice-app"
    renamed = project_rename(project=project, name="Speech", by=alice)
    assert (renamed.name, renamed.slug) == ("Speech", "voice-app")


def test_a_slug_is_used_once_per_workspace(project: Project, workspace: Workspace, alice: User) -> None:
    with pytest.raises(Refused, match="already a project"):
        project_create(workspace=workspace, name="voice app", by=alice)
    with pytest.raises(Refused, match="Latin letter"):
        project_create(workspace=workspace, name="音声", by=alice)
    other = Workspace.objects.create(name="Other")
    assert project_create(workspace=other, name="Voice App", by=alice).slug == "voice-app"


def test_a_project_with_working_keys_is_not_archived(project: Project, workspace: Workspace, alice: User) -> None:
    key, _ = api_key_create(kind="workspace", workspace=workspace, name="phone", scopes=["usage:read"], project=project)
    with pytest.raises(Refused, match="phone"):
        project_archive(project=project, by=alice)
    api_key_revoke(key=key, by=alice)
    archived = project_archive(project=project, by=alice)
    assert archived.archived_at is not None
    assert project_archive(project=project, by=alice).archived_at == archived.archived_at
    assert project_restore(project=project, by=alice).archived_at is None
    assert ApiKey.objects.get().project == project


def test_the_page_creates_renames_archives_and_restores(workspace: Workspace, alice_client: Client) -> None:
    url = page(workspace, "projects")
    assert b"No projects yet" in alice_client.get(url).content
    alice_client.post(url + "/new", {"name": "Voice App"})
    assert b"voice-app" in alice_client.get(url).content
    again = alice_client.post(url + "/new", {"name": "Voice App"})
    assert again.status_code == 422
    assert b"already a project" in again.content
    alice_client.post(url + "/voice-app/rename", {"name": "Speech"})
    assert alice_client.post(url + "/voice-app/rename", {"name": ""}).status_code == 422
    alice_client.post(url + "/voice-app/archive")
    project = Project.objects.get()
    assert project.name == "Speech"
    assert project.archived_at is not None
    assert b"Archived" in alice_client.get(url).content
    alice_client.post(url + "/voice-app/restore")
    project.refresh_from_db()
    assert project.archived_at is None


def test_list_quartet(workspace: Workspace, alice_client: Client, bob_client: Client, charlie_client: Client) -> None:
    url = page(workspace, "projects")
    refuses_other_methods(alice_client, url, "get")
    hides_from_strangers(charlie_client, url)
    asks_to_sign_in(url)
    assert b"Create project" not in bob_client.get(url).content


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("projects/new", ["post"]),
        ("projects/voice-app/rename", ["get", "post"]),
        ("projects/voice-app/archive", ["post"]),
        ("projects/voice-app/restore", ["post"]),
    ],
)
def test_quartet(
    path: str,
    methods: list[str],
    project: Project,
    workspace: Workspace,
    alice_client: Client,
    bob_client: Client,
    charlie_client: Client,
) -> None:
    url = page(workspace, path)
    refuses_other_methods(alice_client, url, *methods)
    for method in methods:
        hides_from_strangers(charlie_client, url, method)
        asks_to_sign_in(url, method)
        refuses_role(bob_client, url, method)
