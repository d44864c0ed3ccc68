"""What the link in an invitation opens."""

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import Refused, Suspended
from accounts.models import Invitation
from accounts.selectors.workspaces import invitations_for
from accounts.services.invitations import invitation_accept, invitation_by_token, may_accept
from accounts.views.people import signed_in


@require_http_methods(["GET", "POST"])
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Says who invites where; accepting is a POST. Someone new signs up first and joins on the way back."""
    found = invitation_by_token(token)
    if found is None or found.revoked_at or found.expires_at <= timezone.now():
        return render(request, "accounts/invitation_gone.html", status=404 if found is None else 410)
    if found.workspace.suspended_at is not None and not found.accepted_at:
        return _suspended(request, found)
    if not request.user.is_authenticated:
        if request.method == "POST" and not found.accepted_at:
            return _sign_in_first(request, found)
        return render(request, "accounts/invitation.html", {"invitation": found})
    if request.method == "POST":
        return _accept(request, found)
    user = signed_in(request)
    if found.accepted_at and found.workspace.memberships.filter(user=user).exists():
        return redirect(found.workspace)
    context = {"invitation": found, "fits": may_accept(found, user)}
    return render(request, "accounts/invitation.html", context)


@require_POST
@login_required
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """From the list of workspaces: the address is proven, so the link is not needed."""
    return _accept(request, get_object_or_404(invitations_for(signed_in(request)), pk=pk))


def _accept(request: HttpRequest, found: Invitation) -> HttpResponse:
    try:
        membership = invitation_accept(invitation=found, user=signed_in(request), request=request)
    except Suspended:
        return _suspended(request, found)
    except Refused as refused:
        context = {"invitation": found, "fits": False, "refused": refused.message}
        return render(request, "accounts/invitation.html", context, status=403)
    messages.success(request, f"You joined {membership.workspace}.")
    return redirect(membership.workspace)


def _suspended(request: HttpRequest, found: Invitation) -> HttpResponse:
    return render(request, "accounts/invitation_suspended.html", {"invitation": found}, status=403)


def _sign_in_first(request: HttpRequest, found: Invitation) -> HttpResponse:
    # The consent is kept in the session; the address still has to be proven before `home` acts on it.
    request.session["invitation"] = found.pk
    if "login" in request.POST:
        return redirect("account_login")
    return redirect(f"{reverse('account_signup')}?{urlencode({'email': found.email})}")
