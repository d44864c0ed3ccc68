"""Which conditioning serves a voice: that of its tier and clips, made by the version that the channel points to."""

from collections.abc import Iterable

from django.db.models import Case, Exists, F, IntegerField, OuterRef, QuerySet, When

from billing.voices.models import Conditioning, EngineChannel, EngineVersion, Voice
from billing.voices.stack import options_hash
from billing.voices.tiers import TIERS


def channel() -> EngineChannel:
    return EngineChannel.objects.select_related("active", "previous").get(pk=1)


def channel_locked() -> EngineChannel:
    """Nothing is promoted until the transaction ends. Locks are taken in this order: job, channel, rollout, voice."""
    return EngineChannel.objects.select_for_update(of=("self",), no_key=True).select_related("active").get(pk=1)


def options_of(tier: str, family: str) -> dict[str, object]:
    """What the engine is told besides the tier. It knows what each tier needs; nothing has to be said so far."""
    if tier not in TIERS:
        raise LookupError(tier)
    return {}


def current(version: EngineVersion, *, tier: str = "") -> "QuerySet[Conditioning]":
    """Verified conditionings of the version that fit their voices as these are now, or would in another tier."""
    return Conditioning.objects.filter(
        engine_version=version,
        state=Conditioning.State.VERIFIED,
        tier=tier or F("voice__tier"),
        stack_hash=F("voice__stack_hash"),
        options_hash=options_hash({}),
    )


def serving(version: EngineVersion | None, voices: Iterable[Voice]) -> dict[int, Conditioning]:
    """By voice, what serves it on this version: what fits its clips, or else what was last built in its tier, until
    new clips are built, too.
    """
    if version is None:
        return {}
    found = Conditioning.objects.filter(
        voice__in=[voice.pk for voice in voices],
        engine_version=version,
        state=Conditioning.State.VERIFIED,
        tier=F("voice__tier"),
    )
    fits = Case(When(stack_hash=F("voice__stack_hash"), then=1), default=0, output_field=IntegerField())
    rows = found.annotate(fits=fits).order_by("voice_id", "-fits", "-built_at", "-pk").distinct("voice_id")
    return {each.voice_id: each for each in rows}


def without(version: EngineVersion) -> "QuerySet[Voice]":
    """Enabled voices that the version cannot serve as they are now."""
    serves = Conditioning.objects.filter(
        voice=OuterRef("pk"),
        engine_version=version,
        state=Conditioning.State.VERIFIED,
        tier=OuterRef("tier"),
        stack_hash=OuterRef("stack_hash"),
        options_hash=options_hash({}),
    )
    return Voice.objects.filter(~Exists(serves), state=Voice.State.ENABLED).order_by("pk")


def conditioning_for(voice: Voice, version: EngineVersion, tier: str) -> Conditioning:
    """The row to build into, made if there is none."""
    options = options_of(tier, version.family)
    row, _ = Conditioning.objects.get_or_create(
        voice=voice,
        engine_version=version,
        tier=tier,
        stack_hash=voice.stack_hash,
        options_hash=options_hash(options),
        defaults={"options": options},
    )
    return row
