"""Jobs: what waits, runs and has ended; the page of one, with its progress and the end of its log."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from billing.credits import clock
from billing.voices import store
from billing.voices.errors import OutsideStore
from billing.voices.models import VoiceJob
from billing.voices.runner.logs import tail
from portal.admin.voices import MAY_ENGINE
from portal.admin.voices.context import must_see, page
from portal.admin.voices.pages import LINES
from portal.admin.voices.voiceacts import may_act_on

UNTAKEN = timedelta(minutes=2)  # with a worker a job is taken within a second
LOG_LINES = 100
EVENTS = 50


@require_safe
def jobs_page(request: HttpRequest) -> HttpResponse:
    """`?state=failed&page=2`"""
    must_see(request)
    state = request.GET.get("state", "")
    jobs = VoiceJob.objects.select_related("voice", "engine_version").order_by("-pk")
    if state in VoiceJob.State.values:
        jobs = jobs.filter(state=state)
    else:
        state = ""
    found = Paginator(jobs, LINES).get_page(request.GET.get("page"))
    waiting = VoiceJob.objects.filter(state="queued", created_at__lt=clock.now() - UNTAKEN, attempt=0).exclude(
        kind=VoiceJob.Kind.TRAIN
    )
    return page(
        request,
        "jobs",
        title="Jobs on voices",
        tab="voice-jobs",
        jobs=found,
        page=found,
        state=state,
        states=VoiceJob.State.choices,
        query=urlencode({"state": state}) if state else "",
        untaken=waiting.count(),
    )


@require_safe
def job_page(request: HttpRequest, pk: int) -> HttpResponse:
    must_see(request)
    job = _job(pk)
    return page(request, "job", title=str(job), tab="", **_live(request, job))


@require_safe
def job_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of a job's page that changes, for who asks for it every two seconds."""
    must_see(request)
    return render(request, "admin/voices/job_live.html", _live(request, _job(pk)))


def _job(pk: int) -> VoiceJob:
    return get_object_or_404(VoiceJob.objects.select_related("voice", "engine_version", "rollout"), pk=pk)


def _live(request: HttpRequest, job: VoiceJob) -> dict[str, Any]:
    export = job.kind == VoiceJob.Kind.TRAIN and job.state in ("done", "cancelled") and bool(job.resume_dir)
    return {
        "job": job,
        "log": _log(job),
        "events": job.events.order_by("-attempt", "-seq")[:EVENTS],
        "items": job.items.select_related("voice").order_by("pk")[:LINES],
        "item_count": job.items.count(),
        "epochs": job.result.get("epochs", [])[-20:],
        "may_act": may_act_on(job, request.user),
        "may_engine": request.user.has_perm(MAY_ENGINE),
        "can_export": export and not hasattr(job, "trained_version"),
    }


def _log(job: VoiceJob) -> list[str]:
    try:
        return tail(store.absolute(job.log_path), lines=LOG_LINES) if job.log_path else []
    except OutsideStore:
        return []
