"""Forms of admin actions: sent by POST, with a key that makes sending them twice the same as once."""

import secrets
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget


def new_key() -> str:
    return secrets.token_urlsafe(18)


class ActionForm(forms.Form):
    """`key` is made with the page and stays with it, however often the form is sent."""

    key = forms.CharField(widget=forms.HiddenInput, initial=new_key, max_length=100)


def reason_field(read_by: str = "Kept in the audit log.") -> forms.CharField:
    return forms.CharField(max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text=read_by)


def checked_field(label: str = "I have checked what this does") -> forms.BooleanField:
    return forms.BooleanField(label=label, widget=UnfoldBooleanWidget)


class ReasonForm(ActionForm):
    """An act that is done whole, or not: why, and a person's word that they looked."""

    reason = reason_field()
    confirmed = checked_field()


class SeenForm(ActionForm):
    """`seen` is the digest of what stands above the form. Where that has changed, the form is shown again with what
    is there now, and so is to be sent with the new one.
    """

    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def __init__(self, data: Any, *, digest: str, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial={**(initial or {}), "seen": digest})
        self.digest = digest

    def look_again(self) -> None:
        data = QueryDict(mutable=True)
        data.update(self.data)
        data["seen"] = self.digest
        self.data = data


def action_page(
    admin: Any,
    request: HttpRequest,
    *,
    form: ActionForm,
    title: str,
    apply: Callable[[Any], str],
    back: str | Callable[[], str],
    button: str,
    intro: str = "",
    facts: list[tuple[str, str]] | None = None,
) -> HttpResponse:
    """Show `form`; when it is sent and valid, call `apply(cleaned data)` and show the sentence it returns.

    `apply` may raise ValidationError, which is shown on the form. Only a POST gets that far: looking changes nothing.
    A form that is sent again calls `apply` again, which goes by the form's key (see `desk.once`) or a row's state.
    `back` may depend on what was done.
    """
    if request.method == "POST" and form.is_valid():
        try:
            done = apply(form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, done)
            return redirect(back() if callable(back) else back)
    context = {
        **admin.admin_site.each_context(request),
        "title": title,
        "form": form,
        "intro": intro,
        "facts": facts or [],
        "button": button,
        "back": back() if callable(back) else back,
    }
    if admin.model is not None:  # a page of its own belongs to no list
        context["opts"] = admin.model._meta
    return TemplateResponse(request, "admin/action.html", context)
