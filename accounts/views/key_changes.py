"""One API key: what it is, its settings, its rotation."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import hooks, once
from accounts.access import WorkspaceRequest, may, workspace_page
from accounts.errors import Refused
from accounts.key_forms import KeySettingsForm, RotateForm
from accounts.models import ApiKey
from accounts.roles import Permission
from accounts.selectors.keys import keys_of
from accounts.services.key_changes import api_key_rotate, api_key_update
from accounts.views.keys import sent_before, shown_once


@require_GET
@workspace_page(Permission.VIEW)
def key(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    found = _key(request, pk)
    shown = {"name": found.name, "project": found.project_id, "rate_limit": found.rate_limit}
    return _key_page(request, found, KeySettingsForm(workspace=request.workspace, initial=shown))


@require_POST
@workspace_page(Permission.MANAGE_KEYS)
def update(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    found = _key(request, pk)
    form = KeySettingsForm(request.POST, workspace=request.workspace)
    if form.is_valid():
        try:
            api_key_update(
                key=found,
                name=form.cleaned_data["name"],
                # Without projects to choose from the form does not ask, and the key keeps its own.
                project=form.cleaned_data["project"] if "project" in form.fields else found.project,
                rate_limit=form.cleaned_data["rate_limit"],
                by=request.user,
                request=request,
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "Saved.")
            return redirect("accounts:keys", workspace_id)
    return _key_page(request, found, form, status=422)


@require_http_methods(["GET", "POST"])
@never_cache
@workspace_page(Permission.MANAGE_KEYS)
def rotate(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    """The new key is shown in the answer to the POST and nowhere else."""
    found = _key(request, pk)
    form = RotateForm(request.POST or None, key=found)
    if request.method == "POST" and form.is_valid():
        if once.is_repeat(request):
            return sent_before(request)
        try:
            new, plain = api_key_rotate(
                key=found, grace=form.grace_time, expires_at=form.expires_at(), by=request.user, request=request
            )
        except Refused as refused:
            once.forget(request)
            form.refuse(refused)
        else:
            return shown_once(request, new, plain, replaced=_key(request, pk))
    context = {"nav": "keys", "key": found, "form": form, "once": once.new_nonce()}
    return render(request, "accounts/key_rotate.html", context, status=422 if form.errors else 200)


def _key(request: WorkspaceRequest, pk: int) -> ApiKey:
    return get_object_or_404(keys_of(request.workspace), pk=pk)


def _key_page(request: WorkspaceRequest, found: ApiKey, form: KeySettingsForm, status: int = 200) -> HttpResponse:
    stand = hooks.key_minutes[0](request.workspace, [] if found.ended else [found])
    found.minute = stand.keys.get(found.pk)  # type: ignore[attr-defined]
    found.paused = found.pk in hooks.paused_keys[0](request.workspace)  # type: ignore[attr-defined]
    context = {
        "nav": "keys",
        "key": found,
        "minutes": stand,
        "form": form if may(request, Permission.MANAGE_KEYS) and not found.ended else None,
    }
    return render(request, "accounts/key.html", context, status=status)
