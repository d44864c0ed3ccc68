"""A person's own data: what there is, as a file, and gone."""

from typing import cast

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.errors import Refused
from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.services import record
from portal.persons.data import as_json, as_zip
from portal.persons.erase import hindrances, person_erase

APP = "allauth.account"  # its rules of when somebody signs in once more


class EraseForm(forms.Form):
    address = forms.CharField(
        label="Your e-mail address", help_text="Type it, so that this does not happen by mistake."
    )
    understood = forms.BooleanField(label="I know that this cannot be undone")

    def __init__(self, *args: object, person: User, **more: object) -> None:
        self.person = person
        super().__init__(*args, **more)  # type: ignore[arg-type]

    def clean_address(self) -> str:
        typed = str(self.cleaned_data["address"]).strip().lower()
        if typed != self.person.email.lower():
            raise forms.ValidationError(f"This is not {self.person.email}.")
        return typed


@require_safe
@login_required
def data(request: HttpRequest) -> HttpResponse:
    person = cast(User, request.user)
    context = {
        "nav": "profile",
        "hindrances": hindrances(person),
        "asks": is_reauthentication_required(request, app=APP),
    }
    return render(request, "accounts/data.html", context)


@require_POST
@login_required
@reauthentication_required(app=APP)
def download(request: HttpRequest) -> HttpResponse:
    """Everything about the person who asks; that it was taken is an audit entry."""
    person = cast(User, request.user)
    return file_of(person, "csv" if request.POST.get("as") == "csv" else "json", by=person, request=request)


def file_of(person: User, kind: str, *, by: User, request: HttpRequest, reason: str = "") -> HttpResponse:
    """ "json", or "csv": a ZIP of one file for each table."""
    make, content_type, ending = (
        (as_zip, "application/zip", "zip") if kind == "csv" else (as_json, "application/json", "json")
    )
    record(action="account.data_exported", actor=by, target=person.email, reason=reason, request=request)
    response = HttpResponse(make(person), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="my-data-{clock.now():%Y-%m-%d}.{ending}"'
    response["Cache-Control"] = "no-store"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@reauthentication_required(app=APP)
def erase(request: HttpRequest) -> HttpResponse:
    """A page that says what goes and what stays, then its POST."""
    person = cast(User, request.user)
    problems = hindrances(person)
    form = EraseForm(request.POST if request.method == "POST" else None, person=person)
    if request.method == "POST" and not problems and form.is_valid():
        try:
            person_erase(user=User.objects.get(pk=person.pk), by=person, request=request)
        except Refused as refused:
            form.add_error(None, refused.message)
        else:
            logout(request)
            messages.success(request, "Your account was deleted. We have sent you a last message that says so.")
            return redirect("account_login")
    context = {"nav": "profile", "form": form, "hindrances": problems}
    return render(request, "accounts/erase.html", context, status=422 if form.errors else 200)
