"""Moving in: a file is tried, looked at, and then taken in, whole or not at all."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from accounts.models import User
from billing.foundation.imports.models import ImportRun
from portal.moving.catalogue import KINDS
from portal.moving.kinds import Doer, Kind
from portal.moving.run import NotDone, Trial, import_do, import_try
from portal.moving.table import MOST_BYTES, MOST_ROWS

PERMISSION = "accounts.add_workspace"
SALT = "purser.import"
GOOD_FOR = 24 * 3600  # seconds between trying a file and confirming it


class UploadForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,text/csv"}),
        help_text=f"UTF-8, commas or semicolons, at most {MOST_BYTES / 1e6:g} MB. "
        "It is only tried: you see what would happen first.",
    )

    def clean_file(self) -> Any:
        given = self.cleaned_data["file"]
        if given.size > MOST_BYTES:
            raise forms.ValidationError(
                f"The file has {given.size:,} bytes; at most {MOST_BYTES:,} are taken. Split it."
            )
        return given


class ConfirmForm(forms.Form):
    """The file comes back signed, so that nothing was kept of one that is only tried."""

    upload = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text="Kept in the audit log."
    )
    confirmed = forms.BooleanField(label="I have checked what this does", widget=UnfoldBooleanWidget)

    def clean_upload(self) -> tuple[str, bytes]:
        try:
            name, text = signing.loads(self.cleaned_data["upload"], salt=SALT, max_age=GOOD_FOR)
        except signing.BadSignature:
            raise forms.ValidationError("Choose the file again: too much time went by.") from None
        return str(name), str(text).encode()


@require_safe
def moving_in_page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    context = {
        **admin.site.each_context(request),
        "title": "Moving in",
        "kinds": [kind for kind in KINDS.values() if _may(request, kind)],
        "runs": ImportRun.objects.all()[:50],
    }
    return TemplateResponse(request, "admin/moving_in.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def import_page(request: HttpRequest, kind: str) -> HttpResponse:
    """GET shows what the file has to be like; a POST of one tries it; a POST of `upload` that confirms does it."""
    found = _kind(request, kind)
    if request.method != "POST":
        return _page(request, found, form=UploadForm())
    if "upload" in request.POST:
        return _confirm(request, found)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, found, form=form)
    file = form.cleaned_data["file"]
    data: bytes = file.read()
    trial = import_try(found, data, on_page=True)
    token = signing.dumps([file.name, data.decode()], salt=SALT, compress=True) if trial.can_be_done else ""
    confirm = ConfirmForm(initial={"upload": token}) if token else None
    return _page(request, found, form=UploadForm(), trial=trial, confirm=confirm, file_name=file.name)


@require_safe
def sample_page(request: HttpRequest, kind: str) -> HttpResponse:
    found = _kind(request, kind)
    response = HttpResponse(found.sample, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{found.name}.csv"'
    return response


def _confirm(request: HttpRequest, kind: Kind) -> HttpResponse:
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        if "upload" in form.errors:
            messages.error(request, "Choose the file again: too much time went by. Nothing was imported.")
            return redirect("import", kind.name)
        name, data = form.cleaned_data["upload"]
        return _page(
            request, kind, form=UploadForm(), trial=import_try(kind, data, on_page=True), confirm=form, file_name=name
        )
    name, data = form.cleaned_data["upload"]
    doer = Doer(cast(User, request.user), request, form.cleaned_data["reason"])
    try:
        run, new = import_do(kind, data, file_name=name, doer=doer)
    except NotDone as error:
        messages.error(request, "Nothing was imported: something has changed since you looked.")
        return _page(request, kind, form=UploadForm(), trial=error.trial, file_name=name)
    if new:
        did = "; ".join(f"{what}: {value}" for what, value in run.summary.items())
        messages.success(request, f"{run.rows:,} rows were imported. {did}.")
    else:
        messages.info(request, f"This very file was imported on {run.at:%-d %B %Y, %H:%M} UTC. Nothing was done now.")
    return redirect("moving-in")


def _page(
    request: HttpRequest,
    kind: Kind,
    *,
    form: UploadForm,
    trial: Trial | None = None,
    confirm: ConfirmForm | None = None,
    file_name: str = "",
) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": kind.title,
        "kind": kind,
        "columns": [(name, name in kind.required, kind.help[name]) for name in kind.columns],
        "form": form,
        "trial": trial,
        "confirm": confirm,
        "file_name": file_name,
        "most_rows": MOST_ROWS,
    }
    return TemplateResponse(request, "admin/import.html", context, status=200)


def _kind(request: HttpRequest, name: str) -> Kind:
    found = KINDS.get(name)
    if found is None:
        raise Http404("nothing of this kind can be imported")
    if not _may(request, found):
        raise PermissionDenied
    return found


def _may(request: HttpRequest, kind: Kind) -> bool:
    return request.user.has_perms(kind.permissions)
