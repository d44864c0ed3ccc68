"""A person's own pages: profile, theme, single sessions."""

from typing import cast

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from accounts.context import THEMES
from accounts.forms import ProfileForm
from accounts.models import User
from accounts.services.people import person_rename, session_close

A_YEAR = 365 * 24 * 3600


def signed_in(request: HttpRequest) -> User:
    """The person behind `login_required`, with the type our services want."""
    return cast(User, request.user)


@require_http_methods(["GET", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=signed_in(request).pk))
    before = signed_in(request).name
    if request.method == "POST" and form.is_valid():
        person_rename(user=form.instance, before=before, request=request)
        messages.success(request, "Saved.")
        return redirect("accounts:profile")
    context = {"form": form, "nav": "profile"}
    return render(request, "accounts/profile.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def session_end(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign one other device out."""
    session = get_object_or_404(UserSession, pk=pk, user=signed_in(request))
    session_close(session=session, by=signed_in(request), request=request)
    messages.success(request, "That device was signed out.")
    return redirect("usersessions_list")


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Light, dark or (anything else) as the system has it; back to the page it was chosen on."""
    response = HttpResponseRedirect(_back(request))
    if (chosen := request.POST.get("theme", "")) in THEMES:
        # Readable by the page's script, which switches without a request; it holds nothing of worth.
        response.set_cookie("theme", chosen, max_age=A_YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


def _back(request: HttpRequest) -> str:
    for url in (request.POST.get("next", ""), request.headers.get("Referer", "")):
        if url and url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure()):
            return url
    return "/"
