"""Inspecting the clips of a voice: what each is like, and what each tier still lacks."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

from billing.voices import store
from billing.voices.errors import BadResult
from billing.voices.jobs.kinds import Kind
from billing.voices.models import ReferenceClip, Voice, VoiceJob
from billing.voices.stack import stack_of
from billing.voices.tiers import assess

LOOKED_AT = (ReferenceClip.State.WAITING, ReferenceClip.State.OK)


class Inspect(Kind):
    operation = "inspect"

    def spec(self, job: VoiceJob, work: Path) -> dict[str, Any]:
        if job.voice is None:
            raise ValidationError("There is no voice to inspect.")
        clips = job.voice.clips.filter(pk__in=job.spec["clips"]).order_by("position")
        if not clips:
            raise ValidationError("Every clip was left out or refused: there is nothing to inspect.")
        return {
            "clips": [{"path": str(store.absolute(clip.rel_path)), "sha256": clip.sha256} for clip in clips],
            "tier": job.voice.tier,
        }

    def done(self, job: VoiceJob, result: dict[str, Any], work: Path) -> None:
        voice = Voice.objects.select_for_update(of=("self",), no_key=True).get(pk=job.spec["voice"])
        clips = list(voice.clips.filter(pk__in=job.spec["clips"]).order_by("position"))
        found = result.get("clips")
        if not isinstance(found, list) or len(found) != len(clips):
            raise BadResult("it does not say something of each clip")
        for clip, said in zip(clips, found, strict=True):
            if not isinstance(said, dict):
                raise BadResult("what it says of a clip is no object")
            _note(clip, said)
        ReferenceClip.objects.bulk_update(clips, ["state", "reason", "facts", "quality"])
        voice.stack_hash = stack_of(voice)
        voice.assessment = assess(voice.stack_hash, result, [clip.position for clip in clips])
        voice.save(update_fields=["stack_hash", "assessment"])


def _note(clip: ReferenceClip, said: dict[str, Any]) -> None:
    if clip.state not in LOOKED_AT:  # left out by somebody meanwhile
        return
    if said.get("refused"):
        clip.state, clip.reason = ReferenceClip.State.REFUSED, str(said.get("message") or said["refused"])[:300]
        return
    quality = said.get("quality")
    if not isinstance(quality, dict) or not quality or said.get("sha256") != clip.sha256:
        raise BadResult("it measured something else than the clip, or nothing")
    clip.state, clip.reason, clip.quality = ReferenceClip.State.OK, "", quality
    clip.facts = {name: said.get(name) for name in ("format", "subtype", "rate", "channels", "seconds")}
