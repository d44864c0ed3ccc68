"""The catalogue, the page of a voice, and provisioning a new one."""

from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from billing.credits.format import rate_text
from billing.foundation.adminforms import action_page
from billing.foundation.desk.once import once
from billing.voices.models import Conditioning, ReferenceClip, Voice, VoiceJob
from billing.voices.prices import prices_of_tiers
from billing.voices.provisioning import Consent, clips_add, voice_make
from billing.voices.services import missing_to_enable
from billing.voices.serving import channel, serving
from billing.voices.tiers import TIERS, lacking
from portal.admin.voices import MAY_PROVISION
from portal.admin.voices.acts import PAGE
from portal.admin.voices.context import must_see, page
from portal.admin.voices.forms import ProvisionForm
from portal.admin.voices.voiceacts import uploads

LINES = 50


@dataclass(frozen=True)
class Row:
    """A voice as the catalogue shows it."""

    voice: Voice
    tier: str
    health: str  # "current", "stale": of other recordings, "missing", "" where nothing serves it anyway
    job: VoiceJob | None


@require_safe
def catalogue_page(request: HttpRequest) -> HttpResponse:
    """`?state=enabled&q=ada&page=2`"""
    must_see(request)
    state, sought = request.GET.get("state", ""), request.GET.get("q", "").replace("\x00", "").strip()[:80]
    voices = Voice.objects.select_related("owner").order_by("-pk")
    if state in Voice.State.values:
        voices = voices.filter(state=state)
    else:
        state, voices = "", voices.exclude(state=Voice.State.DELETED)
    if sought:
        voices = voices.filter(name__icontains=sought)
    found = Paginator(voices, LINES).get_page(request.GET.get("page"))
    chosen = {name: value for name, value in (("state", state), ("q", sought)) if value}
    return page(
        request,
        "catalogue",
        title="Voices",
        tab="voice-provisioning",
        rows=_rows(list(found)),
        page=found,
        query=urlencode(chosen),
        state=state,
        sought=sought,
        states=Voice.State.choices,
    )


def _rows(voices: list[Voice]) -> list[Row]:
    served = serving(channel().active, voices)
    ids = [voice.pk for voice in voices]
    last = VoiceJob.objects.filter(voice__in=ids).order_by("voice_id", "-pk").distinct("voice_id")
    jobs = {job.voice_id: job for job in last}
    return [
        Row(voice, tier_name(voice.tier), health(voice, served.get(voice.pk)), jobs.get(voice.pk)) for voice in voices
    ]


def tier_name(key: str) -> str:
    tier = TIERS.get(key)
    return tier.name if tier else key


def health(voice: Voice, row: Conditioning | None) -> str:
    if voice.state == Voice.State.DELETED:
        return ""
    if row is None:
        return "missing"
    return "current" if row.stack_hash == voice.stack_hash else "stale"


@require_safe
def voice_page(request: HttpRequest, pk: int) -> HttpResponse:
    must_see(request)
    voice = get_object_or_404(Voice.objects.select_related("owner"), pk=pk)
    prices = prices_of_tiers()
    tiers = [
        (
            tier,
            lacking(voice.assessment, voice.stack_hash, tier.key),
            rate_text(prices[tier.key].price) if tier.key in prices else "no price",
            tier.key == voice.tier,
        )
        for tier in TIERS.values()
    ]
    served = serving(channel().active, [voice]).get(voice.pk)
    working = voice.jobs.filter(state__in=("queued", "running", "cancelling")).first()
    return page(
        request,
        "voice",
        title=voice.name,
        tab="",
        voice=voice,
        tier_name=tier_name(voice.tier),
        clips=voice.clips.order_by("position"),
        odd=voice.assessment.get("odd_one_out"),
        tiers=tiers,
        served=served,
        health=health(voice, served),
        missing=missing_to_enable(voice) if voice.state in ("draft", "retired") else [],
        job=working,
        jobs=voice.jobs.order_by("-pk")[:5],
    )


@require_http_methods(["GET", "HEAD", "POST"])
def provision_page(request: HttpRequest) -> HttpResponse:
    """A new voice with its recordings; the POST keeps them and has them inspected."""
    if not request.user.has_perm(MAY_PROVISION):
        raise PermissionDenied
    by, made = cast(User, request.user), []

    def provision(data: dict[str, Any]) -> str:
        consent = Consent(data["consent_by"], data["consent_statement"]) if data["consent_by"] else None
        voice = voice_make(
            name=data["name"],
            language=data["language"],
            tier=data["tier"],
            consent=consent,
            by=by,
            request=request,
        )
        _, problems = clips_add(voice.pk, uploads(data["clips"]), by=by, request=request)
        made.append(voice.pk)
        return " ".join([f"{voice.name} is made. Its recordings are being inspected.", *problems])

    posted = request.method == "POST"
    return action_page(
        PAGE,
        request,
        form=ProvisionForm(request.POST if posted else None, request.FILES if posted else None),
        title="Provision a voice",
        intro="It is a draft until you enable it. What each recording and each tier lacks is said on its page.",
        apply=lambda data: once(
            lambda: provision(data), action="voices.provision", target=data["name"], by=by, data=data
        ),
        back=lambda: reverse("voice", args=made) if made else reverse("voice-provisioning"),
        button="Upload and inspect",
    )


def clip_of(pk: int) -> ReferenceClip:
    clip = ReferenceClip.objects.select_related("voice").filter(pk=pk).first()
    if clip is None or clip.voice.purged_at is not None:
        raise Http404("it is not there")
    return clip
