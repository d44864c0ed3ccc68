"""Voices of a workspace: recordings in, what each tier costs, and a voice to listen to."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.roles import Permission
from billing.foundation.site.selectors import site
from billing.voices import store
from billing.voices.clones.errors import CloneRefused, NotCovered
from billing.voices.clones.forms import OrderForm, RecordingsForm, VoiceForm
from billing.voices.clones.making import (
    clone_cancel,
    clone_delete,
    draft_make,
    recording_leave_out,
    recordings_add,
)
from billing.voices.clones.ordering import clone_order
from billing.voices.clones.quoting import quotes
from billing.voices.clones.selectors import catalogue, clone_of, own_voice, sample_of, voice_page, voice_rows
from billing.voices.engines.offered import offered_version
from billing.voices.errors import OutsideStore
from billing.voices.models import Voice
from billing.voices.provisioning import Consent, Upload
from billing.voices.serving import channel
from billing.voices.tiers import TIERS


@require_safe
@workspace_page(Permission.VIEW)
def listed(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """The workspace's own voices, the platform's, and what a clone costs."""
    found = quotes(request.workspace.pk)
    context = {
        "nav": "models",
        "rows": voice_rows(request.workspace),
        "catalogue": catalogue(),
        "offers": [(TIERS[tier], quote) for tier, quote in found.items()],
        "offered": offered_version() is not None,
        "version": channel().active,
        "usd_per_credit": site().usd_per_credit,
    }
    return render(request, "voices/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(Permission.MANAGE_BILLING)
def new(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """A draft with recordings; nothing is charged for it."""
    form = VoiceForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid() and (voice := _made(request, form)) is not None:
        return redirect("voices:voice", request.workspace.public_id, voice.public_id)
    context = {"nav": "models", "form": form, "version": offered_version()}
    return render(request, "voices/new.html", context, status=422 if form.errors else 200)


def _made(request: WorkspaceRequest, form: VoiceForm) -> Voice | None:
    given = form.cleaned_data
    statement = f"{request.user.email} states that this person agreed to a synthetic copy, and that they can show it."
    try:
        voice = draft_make(
            workspace=request.workspace,
            name=given["name"],
            language=given["language"],
            consent=Consent(given["speaker"], statement),
            by=request.user,
            request=request,
        )
        _keep(request, voice, given["recordings"])
    except Refused as refused:
        form.refuse(refused)
        return None
    except ValidationError as refused:
        form.add_error(None, refused)
        return None
    return voice


def _keep(request: WorkspaceRequest, voice: Voice, files: list[Any]) -> None:
    uploads = [Upload(file.name or "", file.chunks()) for file in files]
    for problem in recordings_add(voice, uploads, by=request.user, request=request):
        messages.error(request, problem)


@require_safe
@workspace_page(Permission.VIEW)
def one(request: WorkspaceRequest, workspace_id: str, voice_id: str) -> HttpResponse:
    voice = _own(request, voice_id)
    found = voice_page(request.workspace, voice)
    context = {
        "nav": "models",
        "voice": voice,
        "page": found,
        "making": clone_of(found.row.working) if found.row.working else None,
        "form": RecordingsForm(),
        "usd_per_credit": site().usd_per_credit,
    }
    return render(request, "voices/parts/voice.html" if request.htmx else "voices/voice.html", context)


@require_POST
@workspace_page(Permission.MANAGE_BILLING)
def recordings(request: WorkspaceRequest, workspace_id: str, voice_id: str) -> HttpResponse:
    voice, form = _own(request, voice_id), RecordingsForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            _keep(request, voice, form.cleaned_data["recordings"])
        except CloneRefused as refused:
            messages.error(request, refused.message)
    else:
        messages.error(request, " ".join(map(str, form.errors.get("recordings", ["Choose at least one recording."]))))
    return _back(request, voice)


@require_POST
@workspace_page(Permission.MANAGE_BILLING)
def leave_out(request: WorkspaceRequest, workspace_id: str, voice_id: str, position: int) -> HttpResponse:
    voice = _own(request, voice_id)
    try:
        if not recording_leave_out(voice, position, by=request.user, request=request):
            raise Http404("no such recording")
    except CloneRefused as refused:
        messages.error(request, refused.message)
    return _back(request, voice)


@require_POST
@workspace_page(Permission.MANAGE_BILLING)
def order(request: WorkspaceRequest, workspace_id: str, voice_id: str) -> HttpResponse:
    """Exactly what the page showed, at exactly its price. Sent twice, the second finds it in the making."""
    voice, form = _own(request, voice_id), OrderForm(request.POST)
    if not form.is_valid():
        messages.error(request, "This could not be read. Nothing was held or charged. Choose again.")
        return _back(request, voice)
    given = form.cleaned_data
    try:
        clone_order(
            workspace=request.workspace,
            voice=voice,
            tier=given["tier"],
            expected=given["expected"],
            by=request.user,
            request=request,
        )
    except NotCovered as short:
        messages.error(request, short.message)
    except Refused as refused:
        messages.error(request, refused.message)
    return _back(request, voice)


@require_POST
@workspace_page(Permission.MANAGE_BILLING, while_suspended=True)
def cancel(request: WorkspaceRequest, workspace_id: str, voice_id: str) -> HttpResponse:
    voice = _own(request, voice_id)
    try:
        if not clone_cancel(voice, by=request.user, request=request):
            messages.info(request, "Nothing was being done any more.")
    except CloneRefused as refused:
        messages.error(request, refused.message)
    return _back(request, voice)


@require_POST
@workspace_page(Permission.MANAGE_BILLING, while_suspended=True)
def delete(request: WorkspaceRequest, workspace_id: str, voice_id: str) -> HttpResponse:
    voice = _own(request, voice_id)
    if request.POST.get("name", "").strip() != voice.name:
        messages.error(request, f"Type the name, {voice.name}, to delete the voice.")
        return _back(request, voice)
    try:
        clone_delete(voice, by=request.user, request=request)
    except CloneRefused as refused:
        messages.error(request, refused.message)
        return _back(request, voice)
    messages.success(request, f"{voice.name} is deleted. Its recordings are removed within minutes.")
    return redirect("voices:list", request.workspace.public_id)


@require_safe
@workspace_page(Permission.VIEW)
def sample(request: WorkspaceRequest, workspace_id: str, voice_id: str) -> HttpResponseBase:
    """The sentence that a voice of the workspace, or one of the platform, speaks."""
    found = sample_of(request.workspace, voice_id)
    if found is None:
        raise Http404("nothing to listen to")
    try:
        file = store.absolute(found.sample_path).open("rb")
    except (FileNotFoundError, OutsideStore):
        raise Http404("nothing to listen to") from None
    answer = FileResponse(file, content_type="audio/wav")
    answer["Cache-Control"] = "private, max-age=300"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _own(request: WorkspaceRequest, voice_id: str) -> Voice:
    voice = own_voice(request.workspace, voice_id)
    if voice is None:
        raise Http404("no such voice")
    return voice


def _back(request: WorkspaceRequest, voice: Voice) -> HttpResponse:
    return redirect("voices:voice", request.workspace.public_id, voice.public_id)
