"""What is done with one voice, its clips, and its jobs."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from billing.foundation.adminforms import ReasonForm
from billing.voices.building import voice_build, voice_tier, voices_build_missing
from billing.voices.jobs.services import job_cancel, job_resume
from billing.voices.models import ReferenceClip, Voice, VoiceJob
from billing.voices.provisioning import Consent, Upload, clip_exclude, clips_add, clips_inspect, voice_consent
from billing.voices.services import voice_delete, voice_enable, voice_retire
from billing.voices.tiers import TIERS
from portal.admin.voices import MAY_ENGINE, MAY_PROVISION
from portal.admin.voices.acts import ACTS, Act, Doer, Facts, plain, typed
from portal.admin.voices.forms import ClipsForm, ConfirmForm, ConsentForm, TierForm


def voice_url(voice: Voice) -> str:
    return reverse("voice", args=[voice.pk])


def facts(voice: Voice) -> Facts:
    tier = TIERS.get(voice.tier)
    return [
        ("Voice", f"{voice.name} ({voice.public_id})"),
        ("State", voice.get_state_display()),
        ("Tier", tier.name if tier else voice.tier),
    ]


def _voice(form: Any, title: str, button: str, do: Any, intro: str = "") -> Act:
    return Act(
        permission=MAY_PROVISION,
        model=Voice,
        form=form,
        title=lambda voice: title.format(voice.name),
        button=button,
        do=do,
        back=voice_url,
        intro=intro,
        facts=facts,
    )


def uploads(files: list[Any]) -> list[Upload]:
    return [Upload(file.name or "", file.chunks()) for file in files]


def _clips(voice: Voice, data: dict[str, Any], doer: Doer) -> str:
    job, problems = clips_add(voice.pk, uploads(data["clips"]), **doer.who)
    for problem in problems:
        messages.warning(doer.request, problem)
    return "The recordings are being inspected." if job else "Nothing was added."


def _consent(voice: Voice, data: dict[str, Any], doer: Doer) -> str:
    voice_consent(voice.pk, consent=Consent(data["consent_by"], data["consent_statement"]), **doer.who)
    return "The consent is recorded."


def _tier(voice: Voice, data: dict[str, Any], doer: Doer) -> str:
    job = voice_tier(voice.pk, tier=data["tier"], **doer.who)
    tier = TIERS[data["tier"]].name
    return f"It moves to {tier} once that is built and verified." if job else f"It is {tier} from now on."


def _enable(voice: Voice, data: dict[str, Any], doer: Doer) -> str:
    voice_enable(voice.pk, **doer.who)
    return f"{voice.name} is offered from now on."


def _retire(voice: Voice, data: dict[str, Any], doer: Doer) -> str:
    voice_retire(voice.pk, reason=data["reason"], **doer.who)
    return f"{voice.name} is retired: nobody can choose it any more."


def _delete(voice: Voice, data: dict[str, Any], doer: Doer) -> str:
    voice_delete(voice.pk, reason=data["reason"], **doer.who)
    return f"{voice.name} is deleted. Its files are removed within minutes."


def _inspect(voice: Voice, data: dict[str, Any], doer: Doer) -> str:
    clips_inspect(voice.pk, **doer.who)
    return "The recordings are being inspected."


def _build(voice: Voice, data: dict[str, Any], doer: Doer) -> str:
    voice_build(voice.pk, **doer.who)
    return "It is being built. What serves meanwhile goes on serving."


def _exclude(clip: ReferenceClip, data: dict[str, Any], doer: Doer) -> str:
    job = clip_exclude(clip.pk, reason=data["reason"], **doer.who)
    return "It is left out; the others are being inspected." if job else "It is left out. No recording is left."


def may_act_on(job: VoiceJob, user: Any) -> bool:
    """Training, versions and rollouts are the engine's; other jobs are the catalogue's."""
    of_engine = job.kind in (VoiceJob.Kind.TRAIN, VoiceJob.Kind.EXPORT) or job.rollout_id is not None
    return bool(user.has_perm(MAY_ENGINE if of_engine else MAY_PROVISION))


def _cancel(job: VoiceJob, data: dict[str, Any], doer: Doer) -> str:
    if not may_act_on(job, doer.by):
        raise PermissionDenied
    left = job_cancel(job.pk, **doer.who)
    return "It is cancelled." if left.state == VoiceJob.State.CANCELLED else "It is asked to stop, and saves first."


def _resume(job: VoiceJob, data: dict[str, Any], doer: Doer) -> str:
    if not may_act_on(job, doer.by):
        raise PermissionDenied
    job_resume(job.pk, **doer.who)
    return "It waits for a worker, and goes on where it stopped."


def _missing(_about: None, data: dict[str, Any], doer: Doer) -> str:
    job = voices_build_missing(**doer.who)
    return f"{job.items.count():,} voices are being built."


def _job(title: str, button: str, do: Any, intro: str) -> Act:
    return Act(
        permission=MAY_PROVISION,
        model=VoiceJob,
        form=plain(ConfirmForm),
        title=lambda job: f"{title} {job}",
        button=button,
        do=do,
        back=lambda job: reverse("voice-job", args=[job.pk]),
        intro=intro,
        facts=lambda job: [("Job", str(job)), ("State", job.get_state_display()), ("Asked for by", job.requested_by)],
    )


CLIPS = (
    "They are kept as they are, and inspected by the voice worker: what cannot be read, is too long, noisy or clipped"
    " is said of each."
)
ACTS |= {
    "clips": _voice(plain(ClipsForm), "Add recordings to {}", "Upload and inspect", _clips, CLIPS),
    "consent": _voice(
        plain(ConsentForm), "Consent for {}", "Record it", _consent, "It is kept for good and never replaced."
    ),
    "inspect": _voice(plain(ConfirmForm), "Inspect the recordings of {} again", "Inspect", _inspect),
    "build": _voice(
        plain(ConfirmForm),
        "Build {}",
        "Build",
        _build,
        "Its conditioning is made anew on the version that serves, verified, and then serves in place of the old one.",
    ),
    "enable": _voice(plain(ConfirmForm), "Enable {}", "Enable", _enable, "Customers can choose it from now on."),
    "retire": _voice(
        plain(ReasonForm), "Retire {}", "Retire", _retire, "Nobody can choose it any more. It can be enabled again."
    ),
    "delete": _voice(
        typed(lambda voice: voice.name),
        "Delete {}",
        "Delete for good",
        _delete,
        "Its recordings and all that was made of them are removed. Who consented and who deleted it stays on record.",
    ),
    "tier": _voice(
        plain(TierForm),
        "Move {} to another tier",
        "Move it",
        _tier,
        "An enabled voice is served as before until what it needs in the tier is built and verified.",
    ),
    "exclude": Act(
        permission=MAY_PROVISION,
        model=ReferenceClip,
        form=plain(ReasonForm),
        title=lambda clip: f"Leave out {clip}",
        button="Leave it out",
        do=_exclude,
        back=lambda clip: voice_url(clip.voice),
        intro="It is no longer part of the voice. The file stays until the voice is deleted.",
        facts=lambda clip: [("Recording", f"{clip.position}: {clip.original_name}")],
    ),
    "cancel": _job("Cancel", "Cancel it", _cancel, "What it has finished is kept, and it can go on later."),
    "resume": _job("Go on with", "Go on", _resume, "Another attempt of the same job."),
    "build-missing": Act(
        permission=MAY_PROVISION,
        form=plain(ConfirmForm),
        title=lambda _about: "Build all that is missing",
        button="Build",
        do=_missing,
        back=lambda _about: reverse("voice-jobs"),
        intro="One job builds every enabled voice that the version that serves lacks, or has for other recordings.",
    ),
}
