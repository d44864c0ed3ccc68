"""What staff do from a customer's page is done once per form: sent again after somebody undid it, it does nothing."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, InternalError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.foundation.audit.models import AuditEntry
from billing.foundation.desk.models import SentForm
from billing.foundation.desk.once import once
from billing.plans.models import WorkspaceLimits
from portal.testing.fixtures import client_of, person

pytestmark = pytest.mark.django_db
AGAIN = "nothing was done twice"


def operator(word: str) -> User:
    user = person(f"{word}@operator.example", "correct horse 9", word.capitalize())
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    return User.objects.get(pk=user.pk)


@pytest.fixture
def client(db: None) -> Client:
    return client_of(operator("sam"))


@pytest.fixture
def other(db: None) -> Client:
    return client_of(operator("olga"))


def send(client: Client, workspace: Workspace, what: str, key: str, **more: str) -> str:
    url = reverse(f"admin:accounts_workspace_{what}", args=[workspace.pk])
    sent = {"key": key, "reason": "chargebacks", "confirmed": "on", **more}
    page = client.post(url, sent, follow=True)
    assert page.status_code == 200
    return " ".join(page.content.decode().split())


def limits_seen(client: Client, workspace: Workspace) -> str:
    page = client.get(reverse("admin:accounts_workspace_limits", args=[workspace.pk]))
    return str(page.context["form"]["seen"].value())


def actions(workspace: Workspace) -> list[str]:
    return list(AuditEntry.objects.filter(workspace=workspace).order_by("pk").values_list("action", flat=True))


def test_a_suspension_that_was_undone_stays_undone(client: Client, other: Client, workspace: Workspace) -> None:
    assert "is suspended." in send(client, workspace, "suspend", "form-1")
    assert "goes on." in send(other, workspace, "resume", "form-2")
    assert AGAIN in send(client, workspace, "suspend", "form-1")
    workspace.refresh_from_db()
    assert workspace.suspended_at is None
    assert "is suspended." in send(client, workspace, "suspend", "form-3")
    assert AGAIN in send(other, workspace, "resume", "form-2")
    workspace.refresh_from_db()
    assert workspace.suspended_at is not None
    assert actions(workspace) == ["workspace.suspended", "workspace.resumed", "workspace.suspended"]


def test_a_look_that_ended_does_not_begin_again(client: Client, workspace: Workspace) -> None:
    send(client, workspace, "view_as", "form-1")
    send(client, workspace, "view_as", "form-1")  # a double click: the look goes on
    assert client.get(workspace.get_absolute_url()).status_code == 200
    client.post(reverse("view-as-end"))
    assert AGAIN in send(client, workspace, "view_as", "form-1")
    assert client.get(workspace.get_absolute_url()).status_code == 404
    assert actions(workspace) == ["workspace.view_begun", "workspace.view_ended"]


def test_limits_that_somebody_else_took_back_stay_away(client: Client, other: Client, workspace: Workspace) -> None:
    mine = {"concurrency": "7", "seen": limits_seen(client, workspace)}
    assert "hold." in send(client, workspace, "limits", "form-1", **mine)
    send(other, workspace, "limits", "form-2", seen=limits_seen(other, workspace))
    assert AGAIN in send(client, workspace, "limits", "form-1", **mine)
    assert WorkspaceLimits.objects.get(pk=workspace.pk).concurrency is None
    assert actions(workspace) == ["limits.changed", "limits.changed"]


def test_limits_are_not_written_over_those_that_were_not_seen(
    client: Client, other: Client, workspace: Workspace
) -> None:
    mine, theirs = limits_seen(client, workspace), limits_seen(other, workspace)
    send(other, workspace, "limits", "form-2", overdraft="40", request_limits="", seen=theirs)
    shown = send(client, workspace, "limits", "form-1", concurrency="7", seen=mine)
    assert "It was changed meanwhile, and nothing was done" in shown
    assert "overdraft 40" in shown  # what holds now stands above the form, with what was typed still in it
    assert 'value="7"' in shown
    assert WorkspaceLimits.objects.get(pk=workspace.pk).concurrency is None
    now = limits_seen(client, workspace)
    assert f'name="seen" value="{now}"' in shown
    assert "hold." in send(client, workspace, "limits", "form-1", concurrency="7", overdraft="40", seen=now)
    found = WorkspaceLimits.objects.get(pk=workspace.pk)
    assert (found.concurrency, found.overdraft) == (7, 40_000_000_000)
    assert "It was changed meanwhile" in send(client, workspace, "limits", "form-3", concurrency="8")  # without `seen`


def test_the_same_form_with_other_values_is_refused(client: Client, other: Client, workspace: Workspace) -> None:
    another = Workspace.objects.create(name="Other")
    send(client, workspace, "suspend", "form-1")
    refused = "This form was sent before with other values"
    assert refused in send(client, workspace, "suspend", "form-1", reason="something else")
    assert refused in send(client, another, "suspend", "form-1")
    assert refused in send(client, workspace, "resume", "form-1")
    assert refused in send(other, workspace, "suspend", "form-1")
    another.refresh_from_db()
    workspace.refresh_from_db()
    assert (another.suspended_at, workspace.suspended_reason) == (None, "chargebacks")
    assert SentForm.objects.count() == 1


def test_what_failed_can_be_sent_again(db: None) -> None:
    user = operator("rita")

    def failing() -> str:
        raise RuntimeError("gone wrong")

    with pytest.raises(RuntimeError):
        once(failing, action="a", target="t", by=user, data={"key": "form-2"})
    assert not SentForm.objects.exists()
    assert once(lambda: "done", action="a", target="t", by=user, data={"key": "form-2"}) == "done"


def test_the_database_keeps_a_form_as_it_was_sent(db: None) -> None:
    once(lambda: "done", action="a", target="t", by=operator("rita"), data={"key": "form-1"})
    for wrong in (lambda: SentForm.objects.all().delete(), lambda: SentForm.objects.update(key="x")):
        with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
            wrong()  # type: ignore[no-untyped-call]
    with pytest.raises(IntegrityError), transaction.atomic():
        SentForm.objects.create(key="", action="a", target="t", digest="d")


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each returned; they begin together, each on a connection of its own."""
    start, found = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int, act: Callable[[], Any]) -> None:
        try:
            start.wait(20)
            found[number] = act()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_it_once(workspace: Workspace) -> None:
    user, done = operator("sam"), []

    def act() -> str:
        done.append(1)
        return "done"

    def sent() -> str:
        return once(act, action="a", target="t", by=user, data={"key": "form-1", "reason": "r"})

    said = at_once(*[sent] * 4)
    assert done == [1]
    assert sorted(AGAIN in each for each in said) == [False, True, True, True]


@pytest.mark.django_db(transaction=True)
def test_two_tabs_of_one_form_suspend_once(workspace: Workspace) -> None:
    user = operator("sam")
    tabs = [client_of(user), client_of(user)]
    said = at_once(*[lambda tab=tab: send(tab, workspace, "suspend", "form-1") for tab in tabs])
    assert sorted(AGAIN in each for each in said) == [False, True]
    assert actions(workspace) == ["workspace.suspended"]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_set_limits_at_once_one_looks_again(workspace: Workspace) -> None:
    tabs = [(client_of(operator(word)), number) for word, number in (("sam", "7"), ("olga", "8"))]
    seen = [limits_seen(tab, workspace) for tab, _ in tabs]
    said = at_once(
        *[
            lambda tab=tab, number=number, digest=digest: send(
                tab, workspace, "limits", f"form-{number}", concurrency=number, seen=digest
            )
            for (tab, number), digest in zip(tabs, seen, strict=True)
        ]
    )
    assert sorted("It was changed meanwhile" in each for each in said) == [False, True]
    assert actions(workspace) == ["limits.changed"]
