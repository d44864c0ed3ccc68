"""What the child must never see, and what it is never pointed to."""

import json
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.exceptions import ValidationError
from django.core.serializers import serialize

from billing.foundation.audit.models import AuditEntry
from billing.voices import store
from billing.voices.engines.datasets import Training, dataset_check
from billing.voices.engines.services import light_register, train
from billing.voices.models import ReferenceClip, Voice, VoiceJob, VoiceJobEvent
from billing.voices.provisioning import clips_inspect
from billing.voices.tests.conftest import draft, work
from billing.voices.tests.test_jobs import asked, dataset, training

pytestmark = pytest.mark.django_db
OPTIONS = Training(epochs=1, batch_size=2)
PLACED = "text of a file that is none of its business"
# Tells everything that it knows, wherever it can.
GOSSIP = """
import json, os, sys, time
spec = json.load(sys.stdin)
known = {"environment": dict(os.environ), "arguments": sys.argv, "open": []}
for number in sorted(map(int, os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ())):
    try:
        known["open"].append(os.readlink(f"/proc/self/fd/{number}"))
    except OSError:
        pass
print(json.dumps(known), file=sys.stderr)
for number, (type_, said) in enumerate([("log", {"message": json.dumps(known)}), ("result",
        {"status": "failed", "error": "x", "message": json.dumps(known["environment"])})], 1):
    line = {"v": 1, "job": spec["job"], "seq": number, "at": time.time(), "type": type_, **said}
    print(json.dumps(line), flush=True)
sys.exit(4)
"""


def found(store_root: Path, *secrets: str) -> list[str]:
    """Files of jobs and kinds of rows that hold one of the texts."""
    files = [path for path in store_root.glob("jobs/**/*") if path.is_file()]
    assert {"spec.json", "log.txt"} <= {path.name for path in files}
    texts = {str(path): path.read_bytes().decode("latin-1") for path in files}
    for model in (VoiceJob, VoiceJobEvent, AuditEntry, ReferenceClip, Voice):
        texts[model.__name__] = serialize("json", model.objects.all())
    return [name for name, text in texts.items() if any(secret in text for secret in secrets)]


def test_a_child_that_tells_all_it_knows_tells_no_secret(
    priced: None, store_root: Path, tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "gossip.py"
    program.write_text(GOSSIP)
    settings.VOICE_PIPELINE_CMD = [sys.executable, str(program)]
    secrets = {
        "SECRET_KEY": "signs-all-sessions",
        "DATABASE_URL": "postgresql://purser:opens-the-database@db/purser",
        "STRIPE_SECRET_KEY": "sk_live_moves-money",
        "EMAIL_URL": "smtp://u:sends-mail@mail",
        "LD_PRELOAD": "",
        "VOICE_PIPELINE_CMD": "starts-anything",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    asked()
    job = work()
    assert job.state == "failed"
    log = json.loads(store.absolute(job.log_path).read_text())
    assert log["environment"]["VOICE_ROOTS"] == str(store_root)  # it did speak, and this is how it would be seen
    assert str(store_root) in job.events.get(type="log").data["message"]
    assert secrets.keys().isdisjoint(log["environment"])
    assert found(store_root, *filter(None, secrets.values())) == []
    # Its input, its output, its log, and what lists them: no connection to the database, no file of ours.
    ours = [place for place in log["open"] if not place.startswith(("pipe:", "/proc/", str(store_root)))]
    assert ours == []


@pytest.mark.parametrize("name", ["../../etc", "..", "/etc", "a/../../etc", "etc\x00", "linked", "-x", "a b", "x" * 81])
def test_a_data_set_is_a_folder_of_datasets_and_nothing_else(store_root: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for number in range(3):
        (outside / f"{number}.wav").write_text("x")
    (outside / "manifest.jsonl").write_text('{"audio_file": "0.wav", "text": "x"}\n' * 3)
    store.own_folder("datasets")
    (store_root / "datasets" / "linked").symlink_to(outside)
    assert dataset_check(name).problems
    with pytest.raises(ValidationError, match=r"no such data set|outside the voice store"):
        train(light_register(by="eve").pk, dataset=name, options=OPTIONS, by="eve")
    assert not VoiceJob.objects.exists()


def test_a_manifest_that_is_a_link_out_of_the_store_is_not_read(store_root: Path, tmp_path: Path) -> None:
    name = dataset()
    manifest = store_root / "datasets" / name / "manifest.jsonl"
    manifest.rename(tmp_path / "manifest.jsonl")
    manifest.symlink_to(tmp_path / "manifest.jsonl")
    with pytest.raises(ValidationError, match="outside the voice store"):
        train(light_register(by="eve").pk, dataset=name, options=OPTIONS, by="eve")


@pytest.mark.parametrize("audio", ["/etc/passwd", "../../../secret.txt", "link.wav", "folder/secret.txt"])
def test_a_manifest_names_nothing_outside(store_root: Path, tmp_path: Path, settings: LazySettings, audio: str) -> None:
    """Neither when it is asked for, nor when it is changed between that and the work."""
    settings.VOICE_PIPELINE_CMD = [sys.executable, "-m", "voice_pipeline"]
    (tmp_path / "secret.txt").write_text(PLACED)
    name = dataset()
    folder = store_root / "datasets" / name
    (folder / "link.wav").symlink_to(tmp_path / "secret.txt")
    (folder / "folder").symlink_to(tmp_path)
    job = training()
    assert job.engine_version_id
    lines = [{"audio_file": each, "text": "x"} for each in ("0.wav", "1.wav", audio)]
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(ValidationError, match="Line 3: its file lies outside the voice store"):
        train(job.engine_version_id, dataset=name, options=OPTIONS, by="eve")
    assert work() == job
    job.refresh_from_db()
    assert (job.state, job.exit_code) == ("failed", 2)
    assert "line 3" in job.error
    assert "lies outside VOICE_ROOTS" in job.error
    assert found(store_root, PLACED, "root:x:0:0") == []


@pytest.mark.parametrize("how", ["a path", "a link"])
def test_a_clip_that_leads_out_of_the_store_starts_nothing(
    priced: None, store_root: Path, tmp_path: Path, how: str
) -> None:
    voice = draft()
    clip = voice.clips.get()
    (tmp_path / "secret.txt").write_text(PLACED)
    if how == "a path":
        ReferenceClip.objects.filter(pk=clip.pk).update(rel_path="../secret.txt")
    else:
        place = store.absolute(clip.rel_path)
        place.unlink()
        place.symlink_to(tmp_path / "secret.txt")
    clips_inspect(voice.pk, by="eve")
    job = work()
    assert (job.state, job.exit_code) == ("failed", None)
    assert "lies outside the voice store" in job.error
    assert not (store_root / "jobs" / job.public_id / "spec.json").exists()


@pytest.mark.parametrize("field", ["resume_dir", "manifest"])
def test_a_row_that_leads_out_of_the_store_starts_nothing(store_root: Path, field: str) -> None:
    job = training()
    if field == "resume_dir":
        job.resume_dir = "../../etc"
    else:
        job.spec["manifest"] = "../../etc/passwd"
    job.save()
    job = work()
    assert (job.state, job.exit_code) == ("failed", None)
    assert "lies outside the voice store" in job.error
    assert not (store_root / "jobs" / job.public_id / "spec.json").exists()
