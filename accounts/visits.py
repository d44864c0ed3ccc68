"""Visits: sessions that a portal link began. They reach one workspace and nothing of the person's account."""

from datetime import timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import PortalLink

LASTS = timedelta(hours=8)
_NAME = "visit"


def begin(request: HttpRequest, link: PortalLink) -> None:
    """Sign the link's person in, for the link's workspace only, until the visit's end whatever is done in it.

    A browser in which that person has signed in with a way of their own keeps that session, which reaches more.
    """
    if request.user.is_authenticated and request.user.pk == link.user_id and workspace_of(request) is None:
        return
    request.session.flush()
    get_adapter(request).login(request, link.user)
    request.session[_NAME] = link.workspace.public_id
    request.session.set_expiry(timezone.now() + LASTS)


def workspace_of(request: HttpRequest) -> str | None:
    """The public id of the workspace that this session is a visit to; None for every other session."""
    session: Any = getattr(request, "session", None)
    named: str | None = session.get(_NAME) if session is not None else None
    return named
