"""The API keys of a workspace."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts import once
from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.forms import KeyForm
from accounts.roles import Permission
from accounts.scopes import KeyKind
from accounts.selectors.keys import keys_of
from accounts.services.keys import api_key_create, api_key_revoke, scopes_allowed


@require_GET
@workspace_page(Permission.VIEW)
def keys(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    context = {"nav": "keys", "keys": keys_of(request.workspace), "now": timezone.now()}
    return render(request, "accounts/keys.html", context)


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
            messages.warning(
                request, "That form was already sent. A key is shown only once; if you missed it, revoke it."
            )
            return redirect("accounts:keys", workspace_id)
        try:
            key, plain = api_key_create(
                kind=KeyKind.WORKSPACE,
                workspace=workspace,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                project=form.cleaned_data.get("project"),
                rate_limit=form.cleaned_data["rate_limit"],
                expires_at=form.expires_at(),
                created_by=request.user,
                request=request,
            )
        except Refused as refused:
            once.forget(request)
            form.refuse(refused)
        else:
            return render(request, "accounts/key_created.html", {"nav": "keys", "key": key, "plain": plain}, status=201)
    context = {"nav": "keys", "form": form, "once": once.new_nonce()}
    return render(request, "accounts/key_create.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@workspace_page(Permission.MANAGE_KEYS)
def revoke(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    key = get_object_or_404(keys_of(request.workspace), pk=pk)
    if request.method == "POST":
        api_key_revoke(key=key, by=request.user, request=request)
        messages.success(request, f"{key.name} was revoked. Requests with it are refused from now on.")
        return redirect("accounts:keys", workspace_id)
    return render(request, "accounts/key_revoke.html", {"nav": "keys", "key": key})
