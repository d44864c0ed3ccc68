"""Real recordings through the real pipeline, on the pages of staff and of customers."""

import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Workspace
from accounts.staff import StaffRole
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.voices import store
from billing.voices.duework import voice_files
from billing.voices.jobs.work import work_next
from billing.voices.models import Conditioning, EngineVersion, Voice
from billing.voices.tests import goodandbad as recordings
from billing.voices.tests.conftest import finished, work
from portal.admin.voices.tests.test_pages import act, hire, text, told

pytestmark = pytest.mark.django_db
# What is wrong with each, in the words of both pages. Those of LACKS are taken, and keep the voice from its tier.
REFUSED = {
    "aiff.wav": "AIFF is not accepted: export it as WAV, FLAC, MP3 or OGG",
    "bomb.flac": "it is longer than 300 seconds: cut it",
    "hollow.wav": "there is no audio in it",
}
LACKS = {
    "noisy.wav": "dB signal to noise; 15 dB are needed: record in a quieter place",
    "clipped.wav": "of the samples are clipped; at most 1.00%: record less loud",
    "telephone.wav": "no speech above 4000 Hz; up to 5000 Hz is needed: it comes from a telephone or was upsampled",
    "lying.flac": "0 dB signal to noise",  # five seconds of its twenty minutes, as its header has it
}
SHORT = "s of speech; 3 s are needed: add longer or more clips"


@pytest.fixture(autouse=True)
def real(store_root: Path, settings: LazySettings) -> None:
    settings.VOICE_PIPELINE_CMD = [sys.executable, "-m", "voice_pipeline"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def bad(folder: Path) -> dict[str, bytes]:
    return recordings.bad(folder)


@pytest.fixture
def admin(db: None) -> Client:
    return hire(StaffRole.ADMIN)


def files(contents: dict[str, bytes]) -> list[SimpleUploadedFile]:
    return [SimpleUploadedFile(name, content, "audio/wav") for name, content in contents.items()]


def provisioned(admin: Client, name: str, contents: dict[str, bytes]) -> Voice:
    """Made on the staff's form and inspected."""
    address = reverse("voice-provision")
    said = {
        "key": admin.get(address).context["form"]["key"].value(),
        "name": name,
        "language": "en",
        "tier": "standard",
        "consent_by": "Ada Lovelace",
        "consent_statement": "On paper.",
    }
    answer = admin.post(address, said | {"clips": files(contents)}, follow=True)
    assert "are being inspected" in told(answer)
    finished(work())
    return Voice.objects.get(name=name, owner=None)


def cloned(client: Client, workspace: Workspace, name: str, contents: dict[str, bytes]) -> str:
    """Made on the customer's form and inspected; the address of its page."""
    said = {"name": name, "language": "en", "speaker": "Ada Lovelace", "agreed": "on", "recordings": files(contents)}
    answer = client.post(f"/w/{workspace.public_id}/voices/new", said)
    assert answer.status_code == 302
    finished(work())
    return str(answer["Location"])


def test_bad_recordings_say_why_to_staff_and_to_customers(
    admin: Client, active: EngineVersion, workspace: Workspace, alice_client: Client, bad: dict[str, bytes]
) -> None:
    voice = provisioned(admin, "Ada", bad)
    states = dict(voice.clips.values_list("original_name", "state"))
    assert states == dict.fromkeys(REFUSED, "refused") | dict.fromkeys(LACKS, "ok")
    staff = text(admin, reverse("voice", args=[voice.pk]))
    customer = text(alice_client, cloned(alice_client, workspace, "Ada", bad))
    for name, why in (REFUSED | LACKS).items():
        assert why in staff, name
        assert why in customer, name
    numbers = dict(voice.clips.values_list("original_name", "position"))
    assert f"clip {numbers['telephone.wav']}: {LACKS['telephone.wav']}" in customer
    assert "Good enough" not in customer
    refused = act(admin, "enable", voice.pk).context["form"].non_field_errors()
    assert any(LACKS["noisy.wav"] in each for each in refused)


def test_what_is_too_short_says_how_much_is_needed(
    admin: Client, active: EngineVersion, workspace: Workspace, alice_client: Client, folder: Path
) -> None:
    short = {"short.wav": recordings.short(folder)}
    voice = provisioned(admin, "Ada", short)
    assert SHORT in text(admin, reverse("voice", args=[voice.pk]))
    assert SHORT in text(alice_client, cloned(alice_client, workspace, "Ada", short))


def test_the_life_of_a_voice(admin: Client, active: EngineVersion, folder: Path) -> None:
    voice = provisioned(admin, "Ada", recordings.good(folder))
    act(admin, "build", voice.pk)
    finished(work())
    act(admin, "enable", voice.pk)
    act(admin, "tier", voice.pk, tier="premium")
    assert Voice.objects.get().tier == "standard"  # until what it needs there is verified
    finished(work())
    assert Voice.objects.get().tier == "premium"
    assert "Ada platform en Premium Enabled" in text(admin, reverse("voice-provisioning"))
    act(admin, "tier", voice.pk, tier="standard")  # which it has already
    assert (Voice.objects.get().tier, work_next()) == ("standard", None)
    sample = Conditioning.objects.filter(voice=voice, tier="premium").get()
    heard = admin.get(reverse("voice-sample-audio", args=[sample.pk]))
    assert b"".join(heard).startswith(b"RIFF")
    kept = [store.absolute(path) for path in (sample.rel_path, sample.sample_path, f"voices/{voice.public_id}")]
    assert all(path.exists() for path in kept)
    act(admin, "retire", voice.pk)
    assert "is deleted" in told(act(admin, "delete", voice.pk, typed="Ada"))
    assert voice_files(now=clock.now(), limit=10) == 1
    assert not any(path.exists() for path in kept)
    assert admin.get(reverse("voice-sample-audio", args=[sample.pk])).status_code == 404
    noted = AuditEntry.objects.filter(target__contains=voice.public_id).order_by("pk")
    assert [(entry.action, entry.actor_label) for entry in noted] == [
        ("voice.made", "admin@example.com"),
        ("voice.consent", "admin@example.com"),
        ("voice.clips.added", "admin@example.com"),
        ("voice.enabled", "admin@example.com"),
        ("voice.tier", "admin@example.com"),
        ("voice.tier", "admin@example.com"),
        ("voice.retired", "admin@example.com"),
        ("voice.deleted", "admin@example.com"),
        ("voice.purged", "system"),
    ]
