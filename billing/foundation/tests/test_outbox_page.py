"""The local outbox page: demo installations, staff only, harmless."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User, Workspace
from billing.foundation.outbox.attachments import Attachment, sources
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import send

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(settings: Settings) -> OutboxMessage:
    settings.DEMO = True
    message = send(
        to=["ann@example.com"],
        subject="Your <b>code</b>",
        text="Code 123456, see https://example.com/x?a=1&b=2 <script>alert(1)</script>",
        html="<script>alert(1)</script><p>Code</p>",
        kind="account",
    )
    assert message is not None
    return message


@pytest.fixture
def staff(client: Client, alice: User, workspace: Workspace) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    client.force_login(alice)
    return client


def pages(message: OutboxMessage) -> list[str]:
    return ["/outbox/", f"/outbox/{message.pk}/", f"/outbox/{message.pk}/html", f"/outbox/{message.pk}/shown"]


def test_staff_read_the_messages(staff: Client, message: OutboxMessage) -> None:
    listed = staff.get("/outbox/").content.decode()
    assert "Your &lt;b&gt;code&lt;/b&gt;" in listed
    shown = staff.get(f"/outbox/{message.pk}/").content.decode()
    assert "Code 123456" in shown
    assert 'href="https://example.com/x?a=1&amp;b=2"' in shown
    assert "<script>alert" not in shown


def test_html_part_is_shown_as_text_only(staff: Client, message: OutboxMessage) -> None:
    response = staff.get(f"/outbox/{message.pk}/html")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.content.decode() == message.html


def test_html_part_is_shown_shut_in(staff: Client, message: OutboxMessage) -> None:
    response = staff.get(f"/outbox/{message.pk}/shown")
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "sandbox" in policy
    assert "script" not in policy
    assert "frame-src" not in staff.get(f"/outbox/{message.pk}/").headers["Content-Security-Policy"]


def test_files_are_downloads(staff: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEMO = True
    monkeypatch.setitem(sources, "test", lambda ref: f"<script>{ref}</script>".encode())
    files = [Attachment("test", "7", "a.html", "text/html")]
    message = send(to=["ann@example.com"], subject="S", text="T", kind="test", attachments=files)
    assert message is not None
    assert b"/attachments/0" in staff.get(f"/outbox/{message.pk}/").content
    response = staff.get(f"/outbox/{message.pk}/attachments/0")
    assert response.content == b"<script>7</script>"
    assert response.headers["Content-Disposition"] == 'attachment; filename="a.html"'
    assert staff.get(f"/outbox/{message.pk}/attachments/1").status_code == 404


def test_pages_exist_in_a_demo_only(staff: Client, message: OutboxMessage, settings: Settings) -> None:
    assert [staff.get(page).status_code for page in pages(message)] == [200] * 4
    settings.DEMO = False
    assert [staff.get(page).status_code for page in pages(message)] == [404] * 4


def test_other_people_do_not_see_them(client: Client, message: OutboxMessage, bob: User, workspace: Workspace) -> None:
    assert [client.get(page).status_code for page in pages(message)] == [302] * 4
    client.force_login(bob)
    assert [client.get(page).status_code for page in pages(message)] == [404] * 4


def test_nothing_can_be_posted(staff: Client, message: OutboxMessage) -> None:
    assert [staff.post(page).status_code for page in pages(message)] == [405] * 4


def test_messages_are_not_kept_by_browsers_or_proxies(staff: Client, message: OutboxMessage) -> None:
    assert all(staff.get(page).headers["Cache-Control"] == "no-store" for page in pages(message))


def test_empty_outbox_says_so(staff: Client, settings: Settings) -> None:
    settings.DEMO = True
    assert "No messages yet" in staff.get("/outbox/").content.decode()
