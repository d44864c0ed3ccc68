"""What people do about voices in the portal: recordings in, a tier chosen, the voice listened to."""

import threading
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from accounts.errors import Refused
from accounts.models import User, Workspace
from billing.ledger.models import Hold
from billing.ledger.selectors import balance
from billing.voices.clones.making import draft_make, recordings_add
from billing.voices.clones.ordering import clone_order
from billing.voices.clones.quoting import quotes
from billing.voices.models import EngineVersion, ReferenceClip, Voice, VoiceJob
from billing.voices.tests.conftest import CONSENT, Plan, enabled, upload, work

pytestmark = pytest.mark.django_db


def path(workspace: Workspace, *parts: str) -> str:
    return "/".join((f"/w/{workspace.public_id}/voices", *parts))


def wav(text: str = "one", name: str = "one.wav") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode(), content_type="audio/wav")


def filled(**other: Any) -> dict[str, Any]:
    return {"name": "Ada", "language": "en", "speaker": "Ada Lovelace", "agreed": "on", "recordings": wav()} | other


def test_a_voice_is_cloned_on_the_pages(rich: Workspace, active: EngineVersion, alice_client: Client) -> None:
    assert "No voice of your own yet" in alice_client.get(path(rich)).content.decode()
    made = alice_client.post(path(rich, "new"), filled(recordings=[wav(), wav("two", "two.wav")]))
    voice = Voice.objects.get()
    assert made.status_code == 302
    assert made["Location"] == path(rich, voice.public_id)
    assert (voice.owner, voice.consent_by, voice.state) == (rich, "Ada Lovelace", "draft")
    assert "alice@example.com states" in voice.consent_statement
    waiting = alice_client.get(made["Location"]).content.decode()
    assert "Listening to the recordings" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    work()
    page = alice_client.get(made["Location"]).content.decode()
    assert "Good enough" in page
    assert "1. one.wav" in page
    assert "every 2s" not in page
    cost = quotes(rich.pk)["standard"].amount
    ordered = alice_client.post(path(rich, voice.public_id, "order"), {"tier": "standard", "expected": str(cost)})
    assert ordered.status_code == 302
    making = alice_client.get(made["Location"], headers={"HX-Request": "true"}).content.decode()
    assert "Making it in Standard" in making
    assert "are held for it" in making
    assert "<html" not in making
    work()
    page = alice_client.get(made["Location"]).content.decode()
    assert "were charged for it" in page
    assert "Move it up" in page
    assert "test engine" in page.lower()
    sample = alice_client.get(path(rich, voice.public_id, "sample.wav"))
    assert (sample.status_code, sample["Content-Type"]) == (200, "audio/wav")
    assert b"".join(sample).startswith(b"RIFF")
    listed = alice_client.get(path(rich)).content.decode()
    assert "Ada" in listed
    assert "Ready" in listed
    activity = alice_client.get(f"/w/{rich.public_id}/activity").content.decode()
    assert "Voice clone “Ada”, Standard" in activity
    wrong = alice_client.post(path(rich, voice.public_id, "delete"), {"name": "ada"}, follow=True)
    assert "Type the name" in wrong.content.decode()
    gone = alice_client.post(path(rich, voice.public_id, "delete"), {"name": "Ada"}, follow=True)
    assert "is deleted" in gone.content.decode()
    assert alice_client.get(made["Location"]).status_code == 404
    assert alice_client.get(path(rich, voice.public_id, "sample.wav")).status_code == 404


@pytest.mark.parametrize(
    ("field", "sent", "said"),
    [
        ("agreed", "", "Without the person’s agreement"),
        ("speaker", "", "required"),
        ("language", "xx", "valid choice"),
        ("recordings", "", "Choose at least one recording"),
        ("recordings", [wav(str(number), f"{number}.wav") for number in range(11)], "At most 10 files"),
        ("recordings", wav("", "empty.wav"), "empty"),
        ("name", " ", "required"),
    ],
)
def test_what_is_missing_is_said_at_its_field(
    rich: Workspace, active: EngineVersion, alice_client: Client, field: str, sent: Any, said: str
) -> None:
    answer = alice_client.post(path(rich, "new"), filled(**{field: sent}))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Voice.objects.exists()


def test_a_name_is_given_once(rich: Workspace, active: EngineVersion, alice_client: Client) -> None:
    assert alice_client.post(path(rich, "new"), filled()).status_code == 302
    answer = alice_client.post(path(rich, "new"), filled(name="ada", recordings=wav("other")))
    assert answer.status_code == 422
    assert "of this name already" in answer.content.decode()


def test_recordings_are_added_and_left_out(
    rich: Workspace, active: EngineVersion, alice_client: Client, plan: Plan
) -> None:
    plan(lacks={"premium": ["Clip 1 has 12 dB above noise; 20 dB are needed."]})
    alice_client.post(path(rich, "new"), filled())
    voice = Voice.objects.get()
    work()
    page = alice_client.get(path(rich, voice.public_id)).content.decode()
    assert "20 dB are needed" in page
    again = alice_client.post(path(rich, voice.public_id, "recordings"), {"recordings": wav()}, follow=True)
    assert "clip 1 of this voice already" in again.content.decode()
    alice_client.post(path(rich, voice.public_id, "recordings"), {"recordings": wav("two")})
    work()
    alice_client.post(path(rich, voice.public_id, "recordings", "1"))
    assert ReferenceClip.objects.get(position=1).state == "excluded"
    none = alice_client.post(path(rich, voice.public_id, "recordings"), {}, follow=True)
    assert "Choose at least one recording" in none.content.decode()
    assert alice_client.post(path(rich, voice.public_id, "recordings", "9")).status_code == 404


def test_only_who_manages_billing_buys(
    rich: Workspace, active: EngineVersion, alice: User, bob_client: Client, charlie_client: Client
) -> None:
    voice = draft_make(workspace=rich, name="Ada", language="en", consent=CONSENT, by=alice)
    recordings_add(voice, [upload("a")], by=alice)
    work()
    assert "/order" not in bob_client.get(path(rich, voice.public_id)).content.decode()
    for name, sent in (("order", {"tier": "standard", "expected": "0"}), ("cancel", {}), ("delete", {"name": "Ada"})):
        assert bob_client.post(path(rich, voice.public_id, name), sent).status_code == 403
        assert charlie_client.post(path(rich, voice.public_id, name), sent).status_code == 404
    assert bob_client.get(path(rich, "new")).status_code == 403
    assert charlie_client.get(path(rich, voice.public_id)).status_code == 404
    assert not Hold.objects.exists()


def test_nobody_reaches_the_voice_of_another_workspace(
    rich: Workspace, active: EngineVersion, alice: User, alice_client: Client
) -> None:
    other = Workspace.objects.create(name="Another")
    theirs = draft_make(workspace=other, name="Ada", language="en", consent=CONSENT, by=alice)
    for name in ("", "sample.wav"):
        assert alice_client.get(path(rich, theirs.public_id, name).rstrip("/")).status_code == 404
    for name in ("order", "cancel", "delete", "recordings"):
        assert alice_client.post(path(rich, theirs.public_id, name), {}).status_code == 404


def test_the_platforms_voices_are_listened_to_by_everybody(
    rich: Workspace, active: EngineVersion, alice_client: Client
) -> None:
    models = f"/w/{rich.public_id}/models"
    assert "No voices yet" in alice_client.get(models).content.decode()
    voice = enabled("Grace")
    page = alice_client.get(models).content.decode()
    assert "Grace" in page
    assert path(rich, voice.public_id, "sample.wav") in page
    assert alice_client.get(path(rich, voice.public_id, "sample.wav")).status_code == 200
    assert alice_client.get(path(rich, voice.public_id)).status_code == 404  # it is not theirs


def test_without_an_engine_nothing_is_sold(rich: Workspace, priced: None, alice_client: Client) -> None:
    page = alice_client.get(path(rich)).content.decode()
    assert "cannot be cloned at present" in page
    assert "What a clone costs" not in page
    assert "cannot be cloned at present" in alice_client.post(path(rich, "new"), filled()).content.decode()
    assert not Voice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_eight_clicks_at_once_are_one_clone(rich: Workspace, active: EngineVersion, alice: User) -> None:
    voice = draft_make(workspace=rich, name="Ada", language="en", consent=CONSENT, by=alice)
    recordings_add(voice, [upload("a")], by=alice)
    work()
    cost = quotes(rich.pk)["standard"].amount
    start, said = threading.Barrier(8), []

    def click() -> None:
        try:
            start.wait(30)
            clone_order(workspace=rich, voice=voice, tier="standard", expected=cost, by=alice)
            said.append("ordered")
        except Refused:
            said.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(said) == ["ordered", *["refused"] * 7]
    assert balance(rich.pk).held == cost
    assert VoiceJob.objects.filter(hold__isnull=False).count() == 1
