"""A form that creates something works once, however often its button is pressed."""

import secrets

from django.core.cache import cache
from django.http import HttpRequest

FIELD = "once"
KEPT = 24 * 3600


def new_nonce() -> str:
    """For a hidden field named `once`."""
    return secrets.token_urlsafe(16)


def is_repeat(request: HttpRequest) -> bool:
    """Whether this form (by its nonce and person) was sent before. Forms without a nonce are never repeats."""
    nonce = request.POST.get(FIELD, "")[:64]
    return bool(nonce) and not cache.add(_name(request, nonce), "1", KEPT)


def forget(request: HttpRequest) -> None:
    """The form was refused, so the person may correct it and send it again."""
    cache.delete(_name(request, request.POST.get(FIELD, "")[:64]))


def _name(request: HttpRequest, nonce: str) -> str:
    return f"accounts.once:{request.user.pk}:{_plain(nonce)}"


def _plain(nonce: str) -> str:
    """Cache names may not hold spaces or control characters, and the nonce comes from outside."""
    return "".join(c for c in nonce if c.isascii() and (c.isalnum() or c in "-_"))
