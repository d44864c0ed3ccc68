"""The catalogue of voices of the demo: the engine that comes with Purser, and a few voices made on it."""

from django.core.exceptions import ValidationError

from billing.voices.building import voice_build
from billing.voices.engines.services import licence_accept, light_register
from billing.voices.jobs.work import work_next
from billing.voices.models import EngineVersion, Voice
from billing.voices.provisioning import Consent, Upload, clips_add, voice_make
from billing.voices.rollouts.steps import rollout_begin, rollout_switch
from billing.voices.services import voice_delete, voice_enable
from billing.voices.serving import channel
from portal.demo.recordings import recording

BY = "demo"
NOBODY = Consent("Nobody", "The recordings are made by a program.")
# name, language, tier, pitch in Hz, seconds of each recording
VOICES = (
    ("Aria", "en", "premium", 208.0, (9.0, 8.0)),
    ("Bruno", "de", "standard", 104.0, (9.0,)),
    ("Chloé", "fr", "standard", 190.0, (8.0,)),
)


def voice_story() -> list[Voice]:
    """Promote the built-in engine, and offer a few voices. What is there already is left as it is."""
    if channel().active is None:
        _promote()
    for left in Voice.objects.filter(owner=None, created_by=BY, state=Voice.State.DRAFT):  # of a start that was cut off
        voice_delete(left.pk, reason="not finished", by=BY)
    there = set(Voice.objects.filter(owner=None).exclude(state=Voice.State.DELETED).values_list("name", flat=True))
    return [_voice(*each) for each in VOICES if each[0] not in there]


def _promote() -> None:
    version = EngineVersion.objects.filter(family="light", state="ready").first() or light_register(by=BY)
    if not version.licence_accepted:
        licence_accept(version.pk, statement="It comes with Purser.", by=BY)
    rollout_switch(rollout_begin(version.pk, by=BY).pk, by=BY)


def _voice(name: str, language: str, tier: str, pitch: float, seconds: tuple[float, ...]) -> Voice:
    voice = voice_make(name=name, language=language, tier=tier, consent=NOBODY, by=BY)
    uploads = [
        Upload(f"{name} {number}.wav", iter([recording(pitch=pitch, seconds=long, seed=number)]))
        for number, long in enumerate(seconds, 1)
    ]
    _, problems = clips_add(voice.pk, uploads, by=BY)
    if problems:
        raise ValidationError(problems)
    _work()
    voice_build(voice.pk, by=BY)
    _work()
    return voice_enable(voice.pk, by=BY)


def _work() -> None:
    """What waits for the voice worker, done here."""
    while work_next() is not None:
        pass
