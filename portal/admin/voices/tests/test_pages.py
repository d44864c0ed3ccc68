"""The pages of voice provisioning: what each shows and does, once, and who may."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.staff import StaffRole
from billing.foundation.audit.models import AuditEntry
from billing.voices import store
from billing.voices.building import voice_build
from billing.voices.duework import voice_files
from billing.voices.engines.services import licence_accept
from billing.voices.jobs.services import job_claim
from billing.voices.models import Conditioning, EngineVersion, Rollout, Voice, VoiceJob
from billing.voices.rollouts.steps import rollout_begin
from billing.voices.services import voice_delete
from billing.voices.serving import channel
from billing.voices.tests.conftest import Plan, draft, enabled, engine, finished, promote, work
from billing.voices.tests.test_jobs import dataset, training
from portal.admin.voices.acts import ACTS
from portal.testing.fixtures import client_of, person

pytestmark = pytest.mark.django_db
HOME = "/admin/voice-provisioning/"


def hire(role: StaffRole) -> Client:
    user = person(f"{role.name.lower()}@example.com", "correct horse 5", role.value)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.groups.add(Group.objects.get(name=role.value))
    return client_of(User.objects.get(pk=user.pk))


@pytest.fixture
def admin(db: None) -> Client:
    return hire(StaffRole.ADMIN)


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def act(client: Client, name: str, pk: int = 0, **said: Any) -> Any:
    """Open the form and send it."""
    address = reverse("voice-act", args=[name, pk])
    form = client.get(address).context["form"]
    data = {"key": form["key"].value(), "confirmed": "on", "reason": "because", **said}
    return client.post(address, data, follow=True)


def told(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


def wav(name: str = "one.wav", content: bytes = b"RIFF one") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "audio/wav")


def test_every_page_is_there_when_nothing_is(admin: Client) -> None:
    assert "There are no voices yet" in text(admin, HOME)
    assert "No engine version serves yet" in text(admin, HOME)
    assert "There is no version yet" in text(admin, HOME + "engine/")
    assert "Nothing was rolled out yet" in text(admin, HOME + "rollout/")
    assert "Nothing was asked for yet" in text(admin, HOME + "jobs/")
    assert "Recordings" in text(admin, HOME + "provision/")


def test_a_voice_from_its_upload_to_the_catalogue(admin: Client, active: EngineVersion) -> None:
    page = admin.get(HOME + "provision/")
    key = page.context["form"]["key"].value()
    said = {
        "key": key,
        "name": "Ada",
        "language": "en",
        "tier": "standard",
        "consent_by": "Ada Lovelace",
        "consent_statement": "On paper.",
    }
    files = [wav(), wav("two.wav", b"RIFF two")]
    answer = admin.post(HOME + "provision/", said | {"clips": files}, follow=True)
    voice = Voice.objects.get()
    assert answer.redirect_chain == [(reverse("voice", args=[voice.pk]), 302)]
    assert "are being inspected" in told(answer)
    assert voice.clips.count() == 2
    again = admin.post(HOME + "provision/", said | {"clips": [wav(), wav("two.wav", b"RIFF two")]}, follow=True)
    assert "nothing was done twice" in told(again)
    assert (Voice.objects.count(), VoiceJob.objects.filter(kind="inspect").count()) == (1, 1)
    finished(work())
    shown = text(admin, reverse("voice", args=[voice.pk]))
    assert "41.5 dB" in shown
    assert "is not built and verified" in shown
    assert "is not built and verified" in " ".join(act(admin, "enable", voice.pk).context["form"].non_field_errors())
    act(admin, "build", voice.pk)
    finished(work())
    act(admin, "enable", voice.pk)
    voice.refresh_from_db()
    assert voice.state == "enabled"
    catalogue = text(admin, HOME)
    assert "Ada platform en Standard Enabled" in catalogue
    assert "TEST ENGINE" in catalogue
    assert AuditEntry.objects.filter(action="voice.enabled", actor_label="admin@example.com").count() == 1


def test_what_each_tier_lacks_is_said(admin: Client, priced: None, plan: Plan) -> None:
    plan(lacks={"premium": ["clip 1: 12 dB signal to noise; 20 dB are needed"]})
    voice = draft()
    shown = text(admin, reverse("voice", args=[voice.pk]))
    assert "clip 1: 12 dB signal to noise; 20 dB are needed" in shown
    assert "Ultra 30 s of speech, 30 dB above noise, 24 kHz, at most 0.05% clipped no price" in shown


def test_the_tiers_that_are_offered_have_prices(admin: Client, priced: None) -> None:
    page = admin.get(HOME + "provision/").content.decode()
    assert 'value="standard"' in page
    assert 'value="premium"' in page
    assert 'value="ultra"' not in page
    voice = draft()
    answer = act(admin, "tier", voice.pk, tier="ultra")
    assert answer.context["form"].errors["tier"]
    act(admin, "tier", voice.pk, tier="premium")
    voice.refresh_from_db()
    assert voice.tier == "premium"


def test_deleting_asks_for_the_name(admin: Client, active: EngineVersion) -> None:
    voice = enabled()
    answer = act(admin, "delete", voice.pk, typed="ada")
    assert "Type it as it stands here: Ada" in str(answer.context["form"].errors["typed"])
    voice.refresh_from_db()
    assert voice.state == "enabled"
    act(admin, "retire", voice.pk)
    act(admin, "delete", voice.pk, typed="Ada")
    voice.refresh_from_db()
    assert voice.state == "deleted"
    assert "Ada" not in text(admin, HOME)
    assert "Ada" in text(admin, HOME + "?state=deleted")


def test_clips_are_added_and_left_out(admin: Client, priced: None) -> None:
    voice = draft(consent=None)
    assert "are being inspected" in told(act(admin, "clips", voice.pk, clips=[wav()]))
    assert "Another job works" in str(act(admin, "inspect", voice.pk).context["form"].non_field_errors())
    work()
    act(admin, "exclude", voice.clips.get(position=1).pk)
    assert voice.clips.get(position=1).reason == "because"
    work()
    act(admin, "consent", voice.pk, consent_by="Ada Lovelace", consent_statement="On paper.")
    voice.refresh_from_db()
    assert voice.consent_recorded_by == "admin@example.com"


def test_the_engine_that_comes_along_is_promoted_by_hand(admin: Client, priced: None) -> None:
    act(admin, "light")
    version = EngineVersion.objects.get()
    assert "TEST ENGINE" in text(admin, HOME + "engine/")
    refused = act(admin, "begin", version.pk)
    assert "Nobody has accepted the licence" in str(refused.context["form"].non_field_errors())
    act(admin, "licence", version.pk, statement="It is ours.")
    act(admin, "begin", version.pk)
    rollout = Rollout.objects.get()
    assert "Type it as it stands" in str(act(admin, "switch", rollout.pk, typed="x").context["form"].errors["typed"])
    act(admin, "switch", rollout.pk, typed="built-in")
    assert channel().active == version


def test_a_rollout_is_listened_to_switched_and_taken_back(admin: Client, active: EngineVersion, plan: Plan) -> None:
    ada, bob = enabled("Ada"), enabled("Bob")
    version = engine()
    plan(fail={bob.public_id: "too noisy"})
    act(admin, "begin", version.pk)
    work()
    page = text(admin, HOME + "rollout/")
    assert "Failed : too noisy" in page
    assert "nothing can be switched" in page
    plan()
    rollout = Rollout.objects.get(version=version)
    act(admin, "again", rollout.pk)
    finished(work())
    html = admin.get(HOME + "rollout/").content.decode()
    rows = Conditioning.objects.filter(voice=ada).order_by("pk")
    for row in rows:
        assert reverse("voice-sample-audio", args=[row.pk]) in html
    act(admin, "switch", rollout.pk, typed="one")
    assert channel().active == version
    act(admin, "back", rollout.pk, typed="one")
    assert channel().active == active
    assert "Rolled back" in text(admin, f"{HOME}rollout/?rollout={rollout.pk}")
    assert admin.get(HOME + "rollout/?rollout=x").status_code == 200


def test_a_rollout_is_aborted(admin: Client, active: EngineVersion) -> None:
    enabled()
    act(admin, "begin", engine().pk)
    act(admin, "abort", Rollout.objects.latest("pk").pk)
    assert "aborted" in text(admin, HOME + "rollout/")


def test_training_is_checked_estimated_begun_once_and_exported(admin: Client, store_root: Any) -> None:
    version, name = engine("base"), dataset()
    address = reverse("voice-train", args=[version.pk])
    asked = {"dataset": name, "epochs": 2, "batch_size": 2}
    page = admin.get(address, asked)
    assert "not known: nothing was trained from this engine yet" in page.content.decode()
    assert not VoiceJob.objects.exists()
    key = re.search(r'name="key" value="([^"]+)"', page.content.decode())
    assert key is not None
    for _ in range(2):
        assert admin.post(address, asked | {"key": key[1]}).status_code == 302
    job = VoiceJob.objects.get()
    finished(work())
    assert "Make a version of it" in text(admin, reverse("voice-job", args=[job.pk]))
    act(admin, "export", job.pk, label="fine")
    finished(work())
    assert "trained from base" in text(admin, HOME + "engine/")
    (store_root / "datasets" / name / "0.wav").unlink()
    assert "its file is not there" in text(admin, f"{address}?dataset={name}&epochs=2&batch_size=2")


def test_a_job_is_followed_cancelled_and_let_go_on(admin: Client, priced: None) -> None:
    job = training()
    page = admin.get(reverse("voice-job", args=[job.pk])).content.decode()
    live = reverse("voice-job-live", args=[job.pk])
    assert f'hx-get="{live}"' in page
    assert ">Refresh</a>" in page
    job_claim()
    fragment = admin.get(live).content.decode()
    assert "<html" not in fragment
    assert "Runs" in fragment
    act(admin, "cancel", job.pk)
    assert "Is being cancelled" in text(admin, live)
    VoiceJob.objects.filter(pk=job.pk).update(state="interrupted", finished_at=job.created_at, error="gone")
    act(admin, "resume", job.pk)
    finished(work())
    fragment = admin.get(live).content.decode()
    assert "hx-get" not in fragment
    assert "a line for the log" in fragment
    assert "2 of 2" in fragment
    assert "Done" in text(admin, HOME + "jobs/?state=done")
    assert "No job is in this state" in text(admin, HOME + "jobs/?state=refused")


def test_a_worker_that_is_missing_is_said(admin: Client, priced: None) -> None:
    voice = draft()
    voice.jobs.update(state="queued", attempt=0, finished_at=None, created_at="2026-01-01T00:00:00Z")
    assert "Is the voice worker running?" in text(admin, HOME + "jobs/")


def test_recordings_and_samples_are_played(admin: Client, active: EngineVersion, bob: User) -> None:
    voice = enabled()
    clip, row = voice.clips.get(), Conditioning.objects.get()
    for name, pk, content in (
        ("voice-clip-audio", clip.pk, store.absolute(clip.rel_path).read_bytes()),
        ("voice-sample-audio", row.pk, f"RIFF{voice.public_id}".encode()),
    ):
        address = reverse(name, args=[pk])
        answer = admin.get(address)
        assert answer["Content-Type"] == "audio/wav"
        assert b"".join(answer.streaming_content) == content  # type: ignore[attr-defined]
        assert "media-src 'self'" in answer["Content-Security-Policy"]
        assert "no-store" in answer["Cache-Control"]
        assert client_of(bob).get(address).status_code in (302, 403)
        assert Client().get(address).status_code == 302
        assert admin.get(reverse(name, args=[999_999])).status_code == 404
    clip.facts = {"format": "HTML"}
    clip.save(update_fields=["facts"])
    assert admin.get(reverse("voice-clip-audio", args=[clip.pk])).status_code == 404
    voice_delete(voice.pk, reason="x", by="eve")
    voice_files(now=voice.created_at, limit=10)
    assert admin.get(reverse("voice-sample-audio", args=[row.pk])).status_code == 404
    assert admin.get(reverse("voice", args=[voice.pk])).status_code == 200


ENGINE_ACTS = {
    *("light", "register", "licence", "withdraw", "export", "begin", "again", "switch", "back"),
    *("build-previous", "abort"),
}


@pytest.mark.parametrize("role", StaffRole)
def test_who_may_do_what(active: EngineVersion, role: StaffRole) -> None:
    voice = enabled()
    rollout, job = rollout_begin(engine().pk, by="eve"), voice.jobs.latest("pk")
    client = hire(role)
    addresses = [reverse(name) for name in ("voice-provisioning", "voice-engine", "voice-rollout", "voice-jobs")]
    addresses += [reverse("voice", args=[voice.pk]), reverse("voice-job", args=[job.pk])]
    for address in addresses:
        assert client.get(address).status_code == 200, address
    about = {"exclude": voice.clips.get().pk, "cancel": job.pk, "resume": job.pk, "export": job.pk}
    of_engine = dict.fromkeys(("licence", "withdraw", "begin"), active.pk)
    of_rollout = dict.fromkeys(("again", "switch", "back", "build-previous", "abort"), rollout.pk)
    for name in ACTS:
        pk = (about | of_engine | of_rollout).get(name, voice.pk)
        may = role is StaffRole.ADMIN or (role is StaffRole.PRICING and name not in ENGINE_ACTS)
        for answer in (
            client.get(reverse("voice-act", args=[name, pk])),
            client.post(reverse("voice-act", args=[name, pk])),
        ):
            assert answer.status_code == (200 if may else 403), (name, answer.status_code)
    may = role in (StaffRole.ADMIN, StaffRole.PRICING)
    assert client.get(reverse("voice-provision")).status_code == (200 if may else 403)
    train = client.get(reverse("voice-train", args=[active.pk]))
    assert train.status_code == (200 if role is StaffRole.ADMIN else 403)


def test_pricing_stops_no_training(priced: None) -> None:
    job, client = training(), hire(StaffRole.PRICING)
    assert act(client, "cancel", job.pk).status_code == 403
    job.refresh_from_db()
    assert job.state == "queued"
    assert ">Cancel</a>" not in client.get(reverse("voice-job", args=[job.pk])).content.decode()


def test_what_is_not_there(admin: Client) -> None:
    for name, pk in (("enable", 999_999), ("nothing", 1), ("cancel", 999_999)):
        assert admin.get(reverse("voice-act", args=[name, pk])).status_code == 404
    assert admin.get(reverse("voice", args=[999_999])).status_code == 404
    assert admin.get(HOME + "?q=%00&page=x").status_code == 200


def test_looking_writes_nothing(admin: Client, active: EngineVersion, django_assert_num_queries: Any) -> None:
    voice = enabled()
    promote(engine())
    voice_build(voice.pk, by="eve")
    work()
    before = list(AuditEntry.objects.values_list("pk", flat=True))
    for address in (HOME, f"{HOME}rollout/", f"{HOME}engine/", f"{HOME}jobs/", reverse("voice", args=[voice.pk])):
        admin.get(address)
    for name in ACTS:
        admin.get(reverse("voice-act", args=[name, voice.pk]))
    assert list(AuditEntry.objects.values_list("pk", flat=True)) == before


def test_the_catalogue_asks_as_often_for_many_voices(
    admin: Client, active: EngineVersion, django_assert_max_num_queries: Any
) -> None:
    voice = enabled()
    Voice.objects.bulk_create(
        Voice(name=f"Voice {number}", language="en", tier="standard", created_by="eve") for number in range(60)
    )
    admin.get(HOME)
    with django_assert_max_num_queries(25):
        page = text(admin, HOME)
    assert "Page 1 of 2" in page
    assert voice.name in text(admin, HOME + "?page=2")
    assert "Voice 7 " in text(admin, HOME + "?q=voice+7")


def test_a_licence_cannot_be_accepted_twice(admin: Client, active: EngineVersion) -> None:
    answer = act(admin, "licence", active.pk, statement="again")
    assert "accepted it already" in str(answer.context["form"].non_field_errors())
    with pytest.raises(Exception, match="accepted it already"):
        licence_accept(active.pk, statement="again", by="eve")
