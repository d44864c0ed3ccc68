"""What the pages about voices show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.models import Hold
from billing.ledger.selectors import balance
from billing.voices.clones.ordering import CLONE
from billing.voices.clones.quoting import Quote, quotes
from billing.voices.clones.words import owners_words
from billing.voices.engines.offered import offered_version
from billing.voices.models import Conditioning, EngineVersion, ReferenceClip, Voice, VoiceJob
from billing.voices.models.jobs import GOING_ON
from billing.voices.serving import channel, serving
from billing.voices.tiers import TIERS, Tier, lacking


@dataclass(frozen=True)
class VoiceRow:
    voice: Voice
    tier: Tier | None
    working: VoiceJob | None  # what is being done for it
    speaks: Conditioning | None  # a sample of it can be listened to


@dataclass(frozen=True)
class Choice:
    """A tier that can be bought for a voice. `lacks`: what its recordings lack for it, in sentences."""

    tier: Tier
    quote: Quote
    lacks: Sequence[str]
    covered: bool


@dataclass(frozen=True)
class VoicePage:
    row: VoiceRow
    clips: Sequence[ReferenceClip]
    choices: Sequence[Choice]
    said: str  # how the last thing that was done for it ended, where it did not end well
    version: EngineVersion | None  # that serves
    held: int  # nano-credits, for what is being made
    charged: int  # nano-credits, for all that was bought of it


def voice_rows(workspace: Workspace) -> list[VoiceRow]:
    """The workspace's own, latest first; there are few."""
    found = Voice.objects.filter(owner=workspace).exclude(state=Voice.State.DELETED).order_by("-pk")
    return _rows(list(found))


@dataclass(frozen=True)
class Catalogue:
    """The platform's voices that anybody can use, by name. `version` speaks them."""

    rows: Sequence[VoiceRow]
    version: EngineVersion | None


def catalogue() -> Catalogue:
    """Empty where what serves is not for customers: a test engine beside real payments."""
    if offered_version() is None:
        return Catalogue((), None)
    found = Voice.objects.filter(owner=None, state=Voice.State.ENABLED).order_by("name", "pk")
    return Catalogue(_rows(list(found)), channel().active)


def own_voice(workspace: Workspace, public_id: str) -> Voice | None:
    found = Voice.objects.filter(owner=workspace, public_id=public_id).exclude(state=Voice.State.DELETED)
    return found.first()


def voice_page(workspace: Workspace, voice: Voice, now: datetime | None = None) -> VoicePage:
    at = now or clock.now()
    (row,) = _rows([voice])
    last = VoiceJob.objects.filter(voice=voice).order_by("-pk").first()
    ended_badly = last is not None and row.working is None and last.error
    bought = VoiceJob.objects.filter(voice=voice, charge__isnull=False)
    return VoicePage(
        row=row,
        clips=list(voice.clips.order_by("position")),
        choices=_choices(workspace, voice, at),
        said=owners_words(last) if last is not None and ended_badly else "",
        version=channel().active,
        held=_held(row.working, at),
        charged=sum(int((job.price_snapshot or {})["nano"]) for job in bought),
    )


def _choices(workspace: Workspace, voice: Voice, at: datetime) -> list[Choice]:
    if offered_version() is None or voice.state not in (Voice.State.DRAFT, Voice.State.ENABLED):
        return []
    paid = voice.tier if voice.state == Voice.State.ENABLED else ""
    above = TIERS[paid].rank if paid in TIERS else 0
    available = balance(workspace.pk, at).available
    return [
        Choice(TIERS[tier], quote, lacking(voice.assessment, voice.stack_hash, tier), quote.amount <= available)
        for tier, quote in quotes(workspace.pk, voice=voice, now=at).items()
        if TIERS[tier].rank > above
    ]


def _held(job: VoiceJob | None, at: datetime) -> int:
    if job is None or job.hold_id is None:
        return 0
    open_until = Hold.objects.filter(pk=job.hold_id).values_list("open_until", flat=True).first()
    return int((job.price_snapshot or {})["nano"]) if open_until is not None and open_until > at else 0


def _rows(voices: list[Voice]) -> list[VoiceRow]:
    working = {job.voice_id: job for job in VoiceJob.objects.filter(GOING_ON, voice__in=voices)}
    speaks = serving(channel().active, [voice for voice in voices if voice.state == Voice.State.ENABLED])
    return [
        VoiceRow(
            voice=voice,
            tier=TIERS.get(voice.tier),
            working=working.get(voice.pk),
            speaks=found if (found := speaks.get(voice.pk)) is not None and found.sample_path else None,
        )
        for voice in voices
    ]


def sample_of(workspace: Workspace, public_id: str) -> Conditioning | None:
    """What a voice that the workspace may use is listened to by."""
    voice = Voice.objects.filter(public_id=public_id, state=Voice.State.ENABLED).first()
    if voice is None or voice.owner_id not in (None, workspace.pk):
        return None
    found = serving(channel().active, [voice]).get(voice.pk)
    return found if found is not None and found.sample_path else None


def clone_of(job: VoiceJob) -> Tier | None:
    """The tier that is being made, where the job is a clone that was bought."""
    return TIERS.get(job.spec.get(CLONE, ""))
