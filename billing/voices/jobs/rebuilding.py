"""Building conditionings: of one voice, or of all for a version, in one run with the engine loaded once."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

from billing.credits import clock
from billing.voices import store
from billing.voices.errors import BadResult
from billing.voices.jobs.facts import check_engine, engine_spec, version_of
from billing.voices.jobs.kinds import Kind
from billing.voices.models import Conditioning, ReferenceClip, VoiceJob, VoiceJobItem
from billing.voices.runner import Event
from billing.voices.samples import sentence

State = VoiceJobItem.State
CHANGED = "Its recordings changed meanwhile. Build it again."


class Rebuild(Kind):
    operation = "rebuild"

    def spec(self, job: VoiceJob, work: Path) -> dict[str, Any]:
        items = []
        for item in _waiting(job):
            if _changed(item):
                _failed(item, CHANGED)
            else:
                items.append(_spec_of(item))
        if not items:
            raise ValidationError("None of its voices can be built as it was asked for.")
        return {"engine": engine_spec(version_of(job)), "items": items}

    def heard(self, job: VoiceJob, event: Event, work: Path) -> None:
        if event.type == "engine":
            check_engine(version_of(job), event.data)
        elif event.type == "artifact":
            # Kept with the row: the lines of a voice may reach the database in two pieces.
            found = job.result.setdefault("artifacts", {}).setdefault(str(event.data.get("voice")), {})
            found[str(event.data.get("name"))] = [event.data.get("path"), event.data.get("sha256")]
        elif event.type == "item":
            self._built(job, event.data, work)

    def _built(self, job: VoiceJob, said: dict[str, Any], work: Path) -> None:
        item = (
            job.items.select_related("voice", "conditioning")
            .filter(voice__public_id=said.get("voice"), state=State.WAITING)
            .first()
        )
        if item is None:
            raise BadResult("it built a voice that was not asked for")
        if said.get("status") != "done":
            _failed(item, str(said.get("message") or "it could not be built"))
            return
        if _changed(item):
            _failed(item, CHANGED)
            return
        verify = said.get("verify")
        if not isinstance(verify, dict):
            raise BadResult("it did not verify what it built")
        if verify.get("passed") is not True:
            _failed(item, _why_not(verify), verify)
            return
        files = job.result.get("artifacts", {}).pop(item.voice.public_id, {})
        if "conditioning" not in files:
            raise BadResult("it built a voice and left no file")
        place = f"voices/{item.voice.public_id}/conditionings/{item.conditioning_id}-{job.attempt}"
        path, digest = files["conditioning"]
        kept = store.keep(str(path), f"{place}.safetensors", said=digest, below=work)
        row = item.conditioning
        row.rel_path, row.sha256, row.verify = kept.rel_path, kept.sha256, verify
        if "sample" in files:
            path, digest = files["sample"]
            row.sample_path = store.keep(str(path), f"{place}.wav", said=digest, below=work).rel_path
        row.state, row.reason, row.built_at = Conditioning.State.VERIFIED, "", clock.now()
        row.save(update_fields=["rel_path", "sha256", "verify", "sample_path", "state", "reason", "built_at"])
        item.state, item.message = State.DONE, ""
        item.save(update_fields=["state", "message"])

    def done(self, job: VoiceJob, result: dict[str, Any], work: Path) -> None:
        job.result.pop("artifacts", None)
        if _waiting(job):
            raise BadResult("it said nothing of some of the voices")

    def ended(self, job: VoiceJob) -> None:
        """Voices that were not reached can be built by another attempt, unless there will be none."""
        if job.state in (VoiceJob.State.FAILED, VoiceJob.State.REFUSED, VoiceJob.State.CANCELLED):
            for item in _waiting(job):
                _failed(item, f"Not built: {job.error or job.get_state_display().lower()}")
        if job.state == VoiceJob.State.DONE and job.voice_id and job.spec.get("move_to"):
            _move(job)
        from billing.voices.clones.ordering import clone_ended

        clone_ended(job)
        if job.rollout_id:
            from billing.voices.rollouts.steps import rollout_job_ended

            rollout_job_ended(job.rollout_id, job)

    def resumed(self, job: VoiceJob) -> None:
        if job.rollout is not None and not job.rollout.open:
            raise ValidationError("Its rollout has ended.")
        from billing.voices.clones.ordering import clone_resumed

        clone_resumed(job)
        again = job.items.filter(state=State.FAILED).select_related("conditioning")
        for item in again:
            if item.conditioning.state != Conditioning.State.VERIFIED:
                Conditioning.objects.filter(pk=item.conditioning_id).update(
                    state=Conditioning.State.BUILDING, reason=""
                )
        again.update(state=State.WAITING, message="")
        if not _waiting(job):  # its worker died when all was built: the pipeline has it still, and says so at once
            job.items.update(state=State.WAITING)
        if job.rollout_id:
            from billing.voices.rollouts.steps import rollout_job_resumed

            rollout_job_resumed(job.rollout_id, job)


def _move(job: VoiceJob) -> None:
    """What the voice needs in its new tier is there; whether it still may move is looked at again."""
    from billing.voices.building import tier_move
    from billing.voices.services import voice_locked
    from billing.voices.serving import channel_locked

    if job.voice_id is None or not job.items.filter(state=State.DONE).exists():
        return
    channel_locked()
    voice = voice_locked(job.voice_id)
    try:
        if voice.tier != job.spec["move_to"] and voice.state in (voice.State.DRAFT, voice.State.ENABLED):
            tier_move(voice, job.spec["move_to"], by=job.requested_by)
    except ValidationError as error:
        job.error = f"Built, and not moved: {' '.join(error.messages)}"[:500]
        job.save(update_fields=["error"])


def _waiting(job: VoiceJob) -> list[VoiceJobItem]:
    return list(job.items.filter(state=State.WAITING).select_related("voice", "conditioning").order_by("pk"))


def _changed(item: VoiceJobItem) -> bool:
    return item.conditioning.stack_hash != item.voice.stack_hash


def _spec_of(item: VoiceJobItem) -> dict[str, Any]:
    clips = item.voice.clips.filter(state=ReferenceClip.State.OK).order_by("position")
    language = item.voice.language
    return {
        "voice": item.voice.public_id,
        "clips": [{"path": str(store.absolute(clip.rel_path)), "sha256": clip.sha256} for clip in clips],
        "tier": item.conditioning.tier,
        "language": language,
        "text": sentence(language),
        "options": item.conditioning.options,
    }


def _failed(item: VoiceJobItem, why: str, verify: dict[str, Any] | None = None) -> None:
    item.state, item.message = State.FAILED, why[:300]
    item.save(update_fields=["state", "message"])
    row = Conditioning.objects.exclude(state=Conditioning.State.VERIFIED).filter(pk=item.conditioning_id)
    row.update(state=Conditioning.State.FAILED, reason=why[:300], verify=verify or {})


def _why_not(verify: dict[str, Any]) -> str:
    checks = verify.get("checks")
    said = [
        str(check.get("message") or check.get("code"))
        for check in (checks if isinstance(checks, list) else [])
        if isinstance(check, dict) and check.get("passed") is not True
    ]
    return "Not verified: " + ("; ".join(said) or "the engine did not say why")
