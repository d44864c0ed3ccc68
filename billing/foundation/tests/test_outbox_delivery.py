"""Sending: retried with back-off, handed over to a real server, never twice."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.foundation.due.registry import run_due
from billing.foundation.outbox import attachments
from billing.foundation.outbox.attachments import Attachment
from billing.foundation.outbox.delivery import BACK_OFF, Outcome, deliver
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import message_send_again, needs_a_person, send
from billing.foundation.outbox.transport import parse_email_url
from billing.foundation.tests.smtp import Behaviour


def write(to: list[str] | None = None) -> OutboxMessage:
    message = send(to=to or ["ann@example.com"], subject="Grüße", text="Text\n.\nend", html="<p>Hi</p>", kind="test")
    assert message is not None
    return message


def send_due() -> int:
    return run_due(only="outbox")[0].items


@pytest.mark.django_db
def test_message_is_delivered_whole(smtp: Behaviour) -> None:
    message = write()
    assert send_due() == 1
    message.refresh_from_db()
    assert (message.status, message.attempts, message.last_error) == ("sent", 1, "")
    [(to, mail)] = smtp.taken
    assert to == ["ann@example.com"]
    assert mail["Subject"] == "Grüße"
    assert mail["From"] == message.sender
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == ["Text", ".", "end"]
    assert html.get_content().strip() == "<p>Hi</p>"


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the source "test" makes, by reference."""
    made: dict[str, bytes] = {"1": b"%PDF-1.7 one", "2": "Grüße".encode()}
    monkeypatch.setitem(attachments.sources, "test", lambda ref: made[ref])
    return made


def write_with_files() -> OutboxMessage:
    files = [
        Attachment("test", "1", "Rechnung Müller.pdf", "application/pdf"),
        Attachment("test", "2", "a.txt", "text/plain"),
    ]
    message = send(to=["ann@example.com"], subject="Files", text="T", kind="test", attachments=files)
    assert message is not None
    return message


@pytest.mark.django_db
def test_files_are_made_when_the_message_leaves(smtp: Behaviour, source: dict[str, bytes]) -> None:
    message = write_with_files()
    assert [entry["ref"] for entry in message.attachments] == ["1", "2"]
    assert send_due() == 1
    [(_, mail)] = smtp.taken
    found = [(part.get_filename(), part.get_content_type()) for part in mail.iter_attachments()]
    assert found == [("Rechnung Müller.pdf", "application/pdf"), ("a.txt", "text/plain")]
    pdf, text = mail.iter_attachments()
    assert pdf.get_content() == b"%PDF-1.7 one"
    assert text.get_content().strip() == "Grüße"


@pytest.mark.django_db
def test_a_file_that_cannot_be_made_is_tried_again(smtp: Behaviour, source: dict[str, bytes]) -> None:
    message = write_with_files()
    kept = source.pop("2")
    send_due()
    message.refresh_from_db()
    assert (message.status, message.attempts) == ("queued", 1)
    assert "cannot be written as a mail" in message.last_error
    assert smtp.taken == []
    source["2"] = kept
    OutboxMessage.objects.update(next_attempt_at=clock.now())
    assert send_due() == 1
    assert len(smtp.taken) == 1


@pytest.mark.django_db
def test_sent_message_is_not_sent_again(smtp: Behaviour) -> None:
    message = write()
    send_due()
    assert send_due() == 0
    assert deliver(message.pk) is Outcome.NOT_OURS
    assert len(smtp.taken) == 1


@pytest.mark.django_db
def test_backs_off_and_fails_after_the_last_attempt(no_mail_server: None) -> None:
    message = write()
    now = clock.now()
    waits: list[timedelta] = []
    for _ in range(len(BACK_OFF) + 1):
        with clock.at(now):
            send_due()
        message.refresh_from_db()
        waits.append(message.next_attempt_at - now)
        now = message.next_attempt_at
    assert waits[:-1] == list(BACK_OFF)
    assert message.status == "failed"
    assert "mail server" in message.last_error
    with clock.at(now + timedelta(days=9)):
        assert send_due() == 0


@pytest.mark.django_db
def test_not_tried_before_its_time(smtp: Behaviour) -> None:
    message = write()
    OutboxMessage.objects.update(next_attempt_at=clock.now() + timedelta(seconds=60))
    assert send_due() == 0
    assert deliver(message.pk) is Outcome.NOT_OURS
    assert smtp.taken == []


@pytest.mark.django_db
def test_refused_message_is_offered_again(smtp: Behaviour) -> None:
    message = write()
    smtp.refuse_sender = True
    send_due()
    message.refresh_from_db()
    assert (message.status, message.last_error) == ("queued", "451 later")
    smtp.refuse_sender = False
    with clock.at(message.next_attempt_at):
        send_due()
    message.refresh_from_db()
    assert message.status == "sent"
    assert len(smtp.taken) == 1


@pytest.mark.django_db
def test_one_refused_recipient_does_not_keep_the_others_waiting(smtp: Behaviour) -> None:
    smtp.refuse = {"gone@example.com"}
    message = write(["gone@example.com", "ann@example.com"])
    send_due()
    message.refresh_from_db()
    assert message.status == "sent"
    assert message.last_error == "refused gone@example.com: 550 no such person"
    assert smtp.taken[0][0] == ["ann@example.com"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sender": "Purser <a\nb@example.com>"}, "Header values can't contain newlines"),
        ({"to": ["ann@ä..example.com"]}, "idna"),
        ({"sender": "Purser <>"}, "cannot be written as an address"),
        ({"to": ["ann@example.com <ann"]}, "Invalid address"),
    ],
)
def test_a_message_that_cannot_be_a_mail_is_a_failed_attempt(smtp: Behaviour, wrong: dict[str, Any], said: str) -> None:
    message, other = write(), write()
    OutboxMessage.objects.filter(pk=message.pk).update(**wrong)
    assert send_due() == 2  # it does not keep the next one waiting
    message.refresh_from_db()
    other.refresh_from_db()
    assert (message.status, message.attempts, other.status) == ("queued", 1, "sent")
    assert said in message.last_error
    OutboxMessage.objects.filter(pk=message.pk).update(attempts=len(BACK_OFF), next_attempt_at=clock.now())
    send_due()
    message.refresh_from_db()
    assert message.status == "failed"
    assert len(smtp.taken) == 1


@pytest.mark.django_db
def test_one_impossible_recipient_does_not_keep_the_others_waiting(smtp: Behaviour) -> None:
    message = write(["Nobody <>", "ann@example.com"])
    send_due()
    message.refresh_from_db()
    assert (message.status, smtp.taken[0][0]) == ("sent", ["ann@example.com"])
    assert message.last_error.startswith("refused Nobody <>: ")


@pytest.mark.django_db
def test_connection_lost_after_the_content_is_left_to_a_person(smtp: Behaviour, alice: User) -> None:
    message = write()
    smtp.drop_after_data = True
    send_due()
    message.refresh_from_db()
    assert message.status == "sending"
    assert "may have arrived" in message.last_error
    with clock.at(clock.now() + timedelta(days=30)):
        assert send_due() == 0  # never by itself: it was taken
    smtp.drop_after_data = False
    assert message_send_again(message_id=message.pk, actor=alice)
    send_due()
    message.refresh_from_db()
    assert message.status == "sent"
    assert AuditEntry.objects.get(action="outbox.sent_again").actor == alice


@pytest.mark.django_db
def test_message_of_a_dead_sender_is_shown_not_resent(smtp: Behaviour, alice: User) -> None:
    message = write()
    OutboxMessage.objects.update(status="sending", claimed_at=clock.now(), attempts=1)
    assert not message_send_again(message_id=message.pk, actor=alice)  # the sender may be at it
    with clock.at(clock.now() + timedelta(minutes=11)):
        assert send_due() == 0
        assert list(OutboxMessage.objects.filter(needs_a_person())) == [message]
        assert message_send_again(message_id=message.pk, actor=alice)
        assert not message_send_again(message_id=message.pk, actor=alice)  # pressing twice
        assert send_due() == 1
    assert len(smtp.taken) == 1


@pytest.mark.django_db
def test_unreachable_server_stops_the_batch(no_mail_server: None) -> None:
    for _ in range(3):
        write()
    send_due()
    assert sorted(OutboxMessage.objects.values_list("attempts", flat=True)) == [0, 0, 1]


@pytest.mark.django_db
def test_an_email_url_that_cannot_be_read_is_a_failed_attempt(settings: Settings) -> None:
    settings.DEMO, settings.EMAIL_URL = False, "mail.example.com"
    message = write()
    send_due()
    message.refresh_from_db()
    assert (message.status, message.attempts) == ("queued", 1)
    assert "EMAIL_URL must look like" in message.last_error


@pytest.mark.django_db
def test_messages_wait_without_email_url(settings: Settings) -> None:
    settings.DEMO, settings.EMAIL_URL = False, ""
    message = write()
    assert send_due() == 0
    message.refresh_from_db()
    assert (message.status, message.attempts) == ("queued", 0)


@pytest.mark.django_db(transaction=True)
def test_many_workers_send_each_message_once(smtp: Behaviour) -> None:
    ids = [write([f"p{number}@example.com"]).pk for number in range(4)]
    smtp.hold = threading.Event()
    outcomes: list[Outcome] = []

    def work() -> None:
        for message_id in ids:
            outcomes.append(deliver(message_id))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    smtp.hold.set()
    for thread in threads:
        thread.join(20)
    assert outcomes.count(Outcome.SENT) == 4
    assert outcomes.count(Outcome.NOT_OURS) == 12
    assert sorted(to[0] for to, _ in smtp.taken) == [f"p{number}@example.com" for number in range(4)]


@pytest.mark.parametrize(
    ("url", "port", "starttls", "tls"),
    [
        ("smtp://mail.example.com", 25, False, False),
        ("smtp://u:p%40ss@mail.example.com:2525", 2525, False, False),
        ("smtp://mail.example.com:587?tls=1", 587, True, False),
        ("smtps://mail.example.com", 465, False, True),
        ("smtps://mail.example.com:587", 587, True, False),
        ("smtp://mail.example.com?ssl=true", 465, False, True),
        ("submission://mail.example.com", 587, True, False),
    ],
)
def test_email_url_says_port_and_encryption(url: str, port: int, starttls: bool, tls: bool) -> None:
    server = parse_email_url(url)
    assert (server.port, server.starttls, server.tls) == (port, starttls, tls)
    assert server.password in ("", "p@ss")
