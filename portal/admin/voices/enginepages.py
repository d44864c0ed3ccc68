"""Versions of the engine, training, and rolling out."""

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from billing.foundation.desk.once import once
from billing.voices.engines.datasets import Training, dataset_check, datasets, estimate
from billing.voices.engines.services import disk_needed, train
from billing.voices.models import EngineVersion, Rollout, VoiceJob
from billing.voices.serving import channel, without
from portal.admin.voices import MAY_ENGINE
from portal.admin.voices.context import must_see, page
from portal.admin.voices.forms import TrainForm
from portal.admin.voices.pages import LINES

MOST_NAMES = 20


@require_safe
def engine_page(request: HttpRequest) -> HttpResponse:
    must_see(request)
    versions = EngineVersion.objects.select_related("parent", "trained_by").order_by("-pk")
    found = Paginator(versions, LINES).get_page(request.GET.get("page"))
    trainings = VoiceJob.objects.filter(kind=VoiceJob.Kind.TRAIN).select_related("engine_version", "trained_version")
    return page(
        request,
        "engine",
        title="Engine",
        tab="voice-engine",
        versions=found,
        page=found,
        query="",
        has_light=EngineVersion.objects.filter(family="light", parent=None).exists(),
        trainings=trainings.order_by("-pk")[:10],
    )


@require_http_methods(["GET", "HEAD", "POST"])
def train_page(request: HttpRequest, pk: int) -> HttpResponse:
    """GET with `?dataset=…&epochs=…&batch_size=…` checks and estimates; a POST of the same begins."""
    if not request.user.has_perm(MAY_ENGINE):
        raise PermissionDenied
    version = get_object_or_404(EngineVersion, pk=pk)
    asked = request.POST if request.method == "POST" else request.GET
    form = TrainForm(asked if "dataset" in asked else None)
    if request.method != "POST":
        form.fields["key"].required = False  # it comes with the second step
    checked: dict[str, Any] = {}
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        options = Training(epochs=data["epochs"], batch_size=data["batch_size"])
        if request.method == "POST":
            by = cast(User, request.user)
            try:
                said = once(
                    lambda: _begin(version, data["dataset"], options, by, request),
                    action="voices.train",
                    target=str(version.pk),
                    by=by,
                    data=data,
                )
            except ValidationError as error:
                form.add_error(None, error)
            else:
                messages.success(request, said)
                return redirect("voice-jobs")
        found = dataset_check(data["dataset"])
        disk = disk_needed(version)
        checked = {
            "found": found,
            "estimate": estimate(version, found, options, disk=disk),
            "confirm": TrainForm(initial=data | {"key": TrainForm.base_fields["key"].initial}),
            "values": [(name, data[name]) for name in ("dataset", "epochs", "batch_size")],
        }
    return page(
        request, "train", title=f"Train {version}", tab="", version=version, form=form, sets=datasets(), **checked
    )


def _begin(version: EngineVersion, dataset: str, options: Training, by: User, request: HttpRequest) -> str:
    job = train(version.pk, dataset=dataset, options=options, by=by, request=request)
    return f"{job} waits for a worker."


@require_safe
def rollout_page(request: HttpRequest) -> HttpResponse:
    """The rollout that is going on, or the last one (`?rollout=…` another one), voice by voice; and those before."""
    must_see(request)
    rollouts = Rollout.objects.select_related("version", "previous").order_by("-pk")
    asked = request.GET.get("rollout", "")
    shown = rollouts.filter(pk=int(asked)).first() if asked.isdecimal() and len(asked) < 19 else rollouts.first()
    serves = channel()
    context: dict[str, Any] = {"rollout": shown, "earlier": rollouts[:LINES]}
    if shown is not None:
        items = shown.items.select_related("voice", "conditioning", "serving").order_by("pk")
        found = Paginator(items, LINES).get_page(request.GET.get("page"))
        can_go_back = shown.state == Rollout.State.SWITCHED and serves.active_id == shown.version_id
        lacking = without(shown.previous) if can_go_back and shown.previous else None
        context |= {
            "items": found,
            "page": found,
            "query": urlencode({"rollout": shown.pk}),
            "unready": shown.items.exclude(state="verified").count(),
            "job": shown.jobs.order_by("-pk").first(),
            "can_go_back": can_go_back and shown.previous is not None,
            "lacking": list(lacking.values_list("name", flat=True)[:MOST_NAMES]) if lacking is not None else [],
            "changed": list(without(shown.version).values_list("name", flat=True)[:MOST_NAMES])
            if shown.state == Rollout.State.READY
            else [],
        }
    promotable = EngineVersion.objects.filter(state="ready").exclude(pk=serves.active_id or 0).order_by("-pk")
    return page(request, "rollout", title="Rollout", tab="voice-rollout", promotable=promotable[:LINES], **context)
