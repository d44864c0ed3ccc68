"""The API keys of a workspace: the list, one key, making and revoking."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts import hooks, once
from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.key_forms import KeyForm
from accounts.models import ApiKey
from accounts.roles import Permission
from accounts.scopes import KeyKind
from accounts.selectors.keys import keys_of
from accounts.services.keys import api_key_create, api_key_revoke, scopes_allowed


@require_GET
@workspace_page(Permission.VIEW)
def keys(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    found, stand = _with_minutes(request)
    expiring = [key for key in found if key.state == "expiring"]
    context = {"nav": "keys", "keys": found, "minutes": stand, "expiring": expiring}
    return render(request, "accounts/keys.html", context)


@require_GET
@workspace_page(Permission.VIEW)
def minutes(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """How the limits stand, for a page that is open: each number replaces its own."""
    found, stand = _with_minutes(request)
    return render(request, "accounts/parts/minutes.html", {"oob": True, "keys": found, "minutes": stand})


def _with_minutes(request: WorkspaceRequest) -> tuple[list[ApiKey], hooks.Minutes]:
    """The workspace's keys, each that works with its running minute, and how the limits stand in all."""
    found = list(keys_of(request.workspace))
    stand = hooks.key_minutes[0](request.workspace, [key for key in found if not key.ended])
    paused = hooks.paused_keys[0](request.workspace)
    for key in found:
        key.minute = stand.keys.get(key.pk)  # type: ignore[attr-defined]
        key.paused = key.pk in paused  # type: ignore[attr-defined]
    return found, stand


@require_http_methods(["GET", "POST"])
@never_cache
@workspace_page(Permission.MANAGE_KEYS)
def create(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """The key is shown in the answer to the POST and nowhere else, so it never rests in a session or a cache."""
    workspace = request.workspace
    scopes = scopes_allowed(workspace=workspace, by=request.user)
    form = KeyForm(request.POST or None, workspace=workspace, scopes=scopes)
    if request.method == "POST" and form.is_valid():
        if once.is_repeat(request):
            return sent_before(request)
        try:
            key, plain = api_key_create(
                kind=KeyKind.WORKSPACE,
                workspace=workspace,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                project=form.cleaned_data.get("project"),
                rate_limit=form.cleaned_data["rate_limit"],
                expires_at=form.expires_at(workspace.time_zone),
                created_by=request.user,
                request=request,
            )
        except Refused as refused:
            once.forget(request)
            form.refuse(refused)
        else:
            return shown_once(request, key, plain)
    context = {"nav": "keys", "form": form, "once": once.new_nonce()}
    return render(request, "accounts/key_create.html", context, status=422 if form.errors else 200)


def shown_once(request: WorkspaceRequest, key: ApiKey, plain: str, replaced: ApiKey | None = None) -> HttpResponse:
    context = {"nav": "keys", "key": key, "plain": plain, "replaced": replaced}
    return render(request, "accounts/key_created.html", context, status=201)


def sent_before(request: WorkspaceRequest) -> HttpResponse:
    messages.warning(request, "That form was already sent. A key is shown only once; if you missed it, revoke it.")
    return redirect("accounts:keys", request.workspace.public_id)


@require_http_methods(["GET", "POST"])
@workspace_page(Permission.MANAGE_KEYS, while_suspended=True)
def revoke(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    key = get_object_or_404(keys_of(request.workspace), pk=pk)
    if request.method == "POST":
        api_key_revoke(key=key, by=request.user, request=request)
        messages.success(request, f"{key.name} was revoked. Requests with it are refused from now on.")
        return redirect("accounts:keys", workspace_id)
    return render(request, "accounts/key_revoke.html", {"nav": "keys", "key": key})
