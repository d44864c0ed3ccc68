"""Forms of admin actions: sent by POST, with a key that makes sending them twice the same as once."""

import secrets
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse


def new_key() -> str:
    return secrets.token_urlsafe(18)


class ActionForm(forms.Form):
    """`key` is made with the page and stays with it, however often the form is sent."""

    key = forms.CharField(widget=forms.HiddenInput, initial=new_key, max_length=100)


def action_page(
    admin: Any,
    request: HttpRequest,
    *,
    form: ActionForm,
    title: str,
    apply: Callable[[Any], str],
    back: str,
    button: str,
    intro: str = "",
    facts: list[tuple[str, str]] | None = None,
) -> HttpResponse:
    """Show `form`; when it is sent and valid, call `apply(cleaned data)` and show the sentence it returns.

    `apply` may raise ValidationError, which is shown on the form. Only a POST gets that far: looking changes nothing.
    """
    if request.method == "POST" and form.is_valid():
        try:
            done = apply(form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, done)
            return redirect(back)
    context = {
        **admin.admin_site.each_context(request),
        "title": title,
        "form": form,
        "intro": intro,
        "facts": facts or [],
        "button": button,
        "back": back,
        "opts": admin.model._meta,
    }
    return TemplateResponse(request, "admin/action.html", context)
