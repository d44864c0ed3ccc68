"""The life of a voice in the catalogue: enabled, retired, deleted. Each is checked here and, whole, by the database."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from billing.credits import clock
from billing.foundation.audit.services import record
from billing.voices.jobs.services import Actor
from billing.voices.models import Rollout, Voice, VoiceJobItem
from billing.voices.models.jobs import GOING_ON
from billing.voices.models.jobs import OPEN as WORKING
from billing.voices.models.rollouts import OPEN as ROLLING
from billing.voices.prices import prices_of_tiers
from billing.voices.serving import channel, channel_locked, current
from billing.voices.tiers import TIERS, lacking

State = Voice.State


def voice_enable(voice_id: int, *, by: Actor, request: HttpRequest | None = None) -> Voice:
    """Offer it. Raises ValidationError with all that is missing."""
    with transaction.atomic():
        channel_locked()
        voice = voice_locked(voice_id)
        must_be(voice, State.DRAFT, State.RETIRED)
        if missing := missing_to_enable(voice):
            raise ValidationError(missing)
        voice.price_variant = voice.tier
        _move(voice, State.ENABLED, by, request)
    return voice


def missing_to_enable(voice: Voice, tier: str = "") -> list[str]:
    """What keeps a voice from being offered in its tier, or in another one, in sentences."""
    tier = tier or voice.tier
    found = []
    if voice.consent_at is None:
        found.append("Nobody has recorded that the person whose voice it is agreed.")
    found += lacking(voice.assessment, voice.stack_hash, tier)
    if tier not in prices_of_tiers():
        found.append(no_price(tier))
    version = channel().active
    if version is None:
        found.append("No engine version serves yet. Promote one first.")
    elif voice.stack_hash and not current(version, tier=tier).filter(voice=voice).exists():
        found.append(f"Its conditioning on {version} is not built and verified. Build it.")
    return found


def voice_retire(voice_id: int, *, reason: str, by: Actor, request: HttpRequest | None = None) -> Voice:
    """Nobody can choose it any more. Raises ValidationError."""
    with transaction.atomic():
        voice = voice_locked(voice_id)
        must_be(voice, State.DRAFT, State.ENABLED)
        _move(voice, State.RETIRED, by, request, reason)
    return voice


def voice_delete(
    voice_id: int, *, reason: str, by: Actor, during_rollout: bool = False, request: HttpRequest | None = None
) -> Voice:
    """It is gone for everybody at once, and its files within minutes; the row stays. Raises ValidationError while work
    on it is going on, or a rollout unless `during_rollout`: that is for who withdraws consent, and waits for nobody.
    """
    with transaction.atomic():
        voice = voice_locked(voice_id)
        must_be(voice, State.DRAFT, State.ENABLED, State.RETIRED)
        if not during_rollout and Rollout.objects.filter(state__in=ROLLING).exists():
            raise ValidationError("A rollout is going on: switch or abort it first. Retiring the voice is possible.")
        built = VoiceJobItem.objects.filter(voice=voice, job__state__in=WORKING)
        if voice.jobs.filter(GOING_ON).exists() or built.exists():
            raise ValidationError("A job works on this voice. Wait for it, or cancel it.")
        _move(voice, State.DELETED, by, request, reason)
    return voice


def voice_locked(voice_id: int) -> Voice:
    return Voice.objects.select_for_update(of=("self",), no_key=True).get(pk=voice_id)


def must_be(voice: Voice, *states: str) -> None:
    if voice.state not in states:
        raise ValidationError(f"The voice is {voice.get_state_display().lower()}, so this cannot be done.")


def must_have_price(tier: str) -> None:
    if tier not in TIERS:
        raise ValidationError({"tier": "There is no such tier."})
    if tier not in prices_of_tiers():
        raise ValidationError({"tier": no_price(tier)})


def no_price(tier: str) -> str:
    return (
        f"The tier {tier} has no price in force, so it cannot be chosen. Enter one under Prices: meter voice_clones,"
        f" variant tier={tier}."
    )


def target_of(voice: Voice) -> str:
    return f"{voice.name} ({voice.public_id})"


def _move(voice: Voice, state: str, by: Actor, request: HttpRequest | None, reason: str = "") -> None:
    before = voice.state
    voice.state, voice.state_at = state, clock.now()
    voice.save(update_fields=["state", "state_at", "price_variant"])
    record(
        action=f"voice.{state}",
        actor=by,
        target=target_of(voice),
        before={"state": before},
        after={"state": state},
        reason=reason,
        request=request,
    )
