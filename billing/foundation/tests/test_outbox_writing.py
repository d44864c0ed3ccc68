"""Messages are rows of the transaction that causes them."""

import pytest
from django.core.checks import run_checks
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection, send_mail
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import send

pytestmark = pytest.mark.django_db
BACKEND = "billing.foundation.outbox.backend.OutboxBackend"


def write(key: str | None = None) -> OutboxMessage | None:
    return send(to=["a@example.com"], subject="Hello\nthere", text="text", kind="test", key=key)


def test_message_waits_when_nothing_can_send_it(settings: Settings) -> None:
    settings.DEMO, settings.EMAIL_URL = False, ""
    message = write()
    assert message is not None
    assert (message.status, message.subject, message.to) == ("queued", "Hello there", ["a@example.com"])


def test_message_arrives_at_the_outbox_page_in_a_demo(settings: Settings) -> None:
    settings.DEMO, settings.EMAIL_URL = True, ""
    message = write()
    assert message is not None
    assert message.status == "sent"
    assert message.sent_at is not None


def test_same_key_is_written_once() -> None:
    assert write("credits-low:1") is not None
    assert write("credits-low:1") is None
    assert write("credits-low:2") is not None
    assert OutboxMessage.objects.count() == 2


def test_messages_without_key_are_all_written() -> None:
    write()
    write()
    assert OutboxMessage.objects.count() == 2


def test_rollback_takes_the_message_with_it() -> None:
    with transaction.atomic():
        write("gone")
        transaction.set_rollback(True)
    assert not OutboxMessage.objects.exists()
    assert write("gone") is not None  # the key is free again


def test_nul_characters_do_not_break_the_write() -> None:
    message = send(to=["a@example.com"], subject="a\x00b", text="c\x00d", html="e\x00f", kind="test")
    assert message is not None
    assert (message.subject, message.text, message.html) == ("ab", "cd", "ef")


def test_django_mail_becomes_a_row(settings: Settings) -> None:
    settings.EMAIL_BACKEND = BACKEND
    sent = send_mail("Subject", "Text", None, ["b@example.com"], html_message="<p>Text</p>")
    message = OutboxMessage.objects.get()
    assert sent == 1
    assert (message.text, message.html) == ("Text", "<p>Text</p>")
    assert message.sender == settings.DEFAULT_FROM_EMAIL
    assert message.kind == "account"


def test_blind_copies_get_rows_of_their_own() -> None:
    mail = EmailMultiAlternatives(
        "S", "T", "x@example.com", ["to@example.com"], bcc=["blind@example.com"], cc=["cc@example.com"]
    )
    mail.reply_to = ["reply@example.com"]
    assert get_connection(BACKEND).send_messages([mail]) == 1
    rows = OutboxMessage.objects.order_by("id")
    assert [row.to for row in rows] == [["to@example.com", "cc@example.com"], ["blind@example.com"]]
    assert all(row.reply_to == ["reply@example.com"] for row in rows)


def test_attachments_are_refused_loudly() -> None:
    mail = EmailMessage("S", "T", "x@example.com", ["to@example.com"], attachments=[("a.txt", "a", "text/plain")])
    with pytest.raises(ValueError, match="no attachments"):
        get_connection(BACKEND).send_messages([mail])


def test_check_warns_when_messages_cannot_leave(settings: Settings) -> None:
    def found() -> list[str | None]:
        return [message.id for message in run_checks() if (message.id or "").startswith("foundation.")]

    settings.DEMO, settings.EMAIL_URL = False, ""
    assert found() == ["foundation.W001"]
    settings.EMAIL_URL = "carrier-pigeon://roof"
    assert found() == ["foundation.E001"]
    settings.EMAIL_URL = "smtp://mail.example.com"
    assert found() == []


def test_a_worker_is_told_only_after_the_commit(
    settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    with django_capture_on_commit_callbacks() as kept:
        write()
    with django_capture_on_commit_callbacks() as lost, transaction.atomic():
        write()
        transaction.set_rollback(True)
    assert len(kept) == 1
    assert lost == []
