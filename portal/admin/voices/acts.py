"""Everything that staff do with voices: a link opens a form, and its POST does it, once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from accounts.models import User
from billing.foundation.adminforms import ActionForm, action_page
from billing.foundation.desk.once import once
from portal.admin.voices.forms import TypedForm

Facts = list[tuple[str, str]]


@dataclass(frozen=True)
class Doer:
    by: User
    request: HttpRequest

    @property
    def who(self) -> dict[str, Any]:
        return {"by": self.by, "request": self.request}


@dataclass(frozen=True, kw_only=True)
class Act:
    """`find` looks for what it is about; None: about nothing in particular. `do` raises ValidationError, and says what
    was done in a sentence; `back` is where that is seen.
    """

    permission: str
    title: Callable[[Any], str]
    button: str
    form: Callable[[Any, Any, Any], ActionForm]  # data, files, what it is about
    do: Callable[[Any, dict[str, Any], Doer], str]
    back: Callable[[Any], str]
    model: type[Model] | None = None
    intro: str = ""
    facts: Callable[[Any], Facts] = lambda _about: []


ACTS: dict[str, Act] = {}
# What `action_page` wants to know of an admin.
PAGE = SimpleNamespace(admin_site=admin.site, model=None)


@require_http_methods(["GET", "HEAD", "POST"])
def voice_act_page(request: HttpRequest, act: str, pk: int) -> HttpResponse:
    found = ACTS.get(act)
    if found is None:
        raise Http404("there is no such act")
    if not request.user.has_perm(found.permission):
        raise PermissionDenied
    about = None
    if found.model is not None:
        about = found.model._default_manager.filter(pk=pk).first()
        if about is None:
            raise Http404("it is not there")
    posted = request.method == "POST"
    form = found.form(request.POST if posted else None, request.FILES if posted else None, about)
    return action_page(
        PAGE,
        request,
        form=form,
        title=found.title(about),
        intro=found.intro,
        facts=found.facts(about),
        apply=partial(_apply, found, act, about, request),
        button=found.button,
        back=lambda: found.back(about),
    )


def _apply(act: Act, name: str, about: Any, request: HttpRequest, data: dict[str, Any]) -> str:
    doer = Doer(cast(User, request.user), request)
    target = f"{name} {about.pk if about is not None else ''}".strip()
    return once(partial(act.do, about, data, doer), action=f"voices.{name}", target=target, by=doer.by, data=data)


def typed(name: Callable[[Any], str]) -> Callable[[Any, Any, Any], ActionForm]:
    """A form in which the name of what it is about has to be typed."""
    return lambda data, _files, about: TypedForm(data, name=name(about))


def plain(form: type[ActionForm]) -> Callable[[Any, Any, Any], ActionForm]:
    return lambda data, files, _about: form(data, files)
