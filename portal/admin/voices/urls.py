"""Below /admin/voice-provisioning/, for staff only."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, path

# The acts fill ACTS as they are imported.
from portal.admin.voices import engineacts as engineacts
from portal.admin.voices import voiceacts as voiceacts
from portal.admin.voices.acts import voice_act_page
from portal.admin.voices.audio import clip_audio, sample_audio
from portal.admin.voices.enginepages import engine_page, rollout_page, train_page
from portal.admin.voices.jobpages import job_live, job_page, jobs_page
from portal.admin.voices.pages import catalogue_page, provision_page, voice_page


def _path(route: str, view: Callable[..., Any], name: str) -> URLPattern:
    return path(route, admin.site.admin_view(view), name=name)


urlpatterns = [
    _path("", catalogue_page, "voice-provisioning"),
    _path("provision/", provision_page, "voice-provision"),
    _path("voices/<int:pk>/", voice_page, "voice"),
    _path("engine/", engine_page, "voice-engine"),
    _path("engine/<int:pk>/train/", train_page, "voice-train"),
    _path("rollout/", rollout_page, "voice-rollout"),
    _path("jobs/", jobs_page, "voice-jobs"),
    _path("jobs/<int:pk>/", job_page, "voice-job"),
    _path("jobs/<int:pk>/live/", job_live, "voice-job-live"),
    _path("audio/clips/<int:pk>/", clip_audio, "voice-clip-audio"),
    _path("audio/samples/<int:pk>/", sample_audio, "voice-sample-audio"),
    _path("<str:act>/<int:pk>/", voice_act_page, "voice-act"),
]
