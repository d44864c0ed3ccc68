"""What a workspace is told about its clones: each once, by the outbox's keys."""

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Workspace
from billing.foundation.mail.telling import News, tell
from billing.foundation.site.selectors import site
from billing.invoices.profiles import recipients
from billing.plans.addons.words import in_credits
from billing.voices.models import VoiceJob
from billing.voices.tiers import TIERS


def tell_ready(workspace: Workspace, job: VoiceJob) -> None:
    _send(workspace, job, "ready", f"Your voice {_name(job)} is ready")


def tell_failed(workspace: Workspace, job: VoiceJob, why: str) -> None:
    what = "moved up" if job.voice and job.voice.state == "enabled" else "made"
    _send(workspace, job, "failed", f"Your voice {_name(job)} could not be {what}", why)


def _name(job: VoiceJob) -> str:
    return job.voice.name if job.voice else ""


def _send(workspace: Workspace, job: VoiceJob, what: str, subject: str, why: str = "") -> None:
    if job.voice is None or job.price_snapshot is None:
        return
    context = {
        "voice": job.voice,
        "tier": TIERS[job.price_snapshot["tier"]].name,
        "charged": in_credits(int(job.price_snapshot["nano"])) if job.charge_id else "",
        "why": why,
        "workspace": workspace,
        "site": site(),
        "is_test": bool(job.engine_version and job.engine_version.is_test),
    }
    news = News(
        workspace=workspace,
        kind=f"voice.{what}",
        key=f"voice-{what}:{job.public_id}:{job.attempt}",
        subject=f"{subject} ({workspace.name})",
        text=render_to_string(f"voices/email/{what}.txt", context),
        link=settings.SITE_URL + reverse("voices:voice", args=[workspace.public_id, job.voice.public_id]),
        button="Listen to it" if what == "ready" else "See what to do",
    )
    tell(news, to=recipients(workspace))
