"""Reading a request body: its type, its size, its JSON."""

from collections.abc import Mapping
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, UnreadablePostError

from billing.api import jsontext
from billing.api.problems import Problem, invalid

SINGLE_LIMIT = 64 * 1024
BATCH_LIMIT = 4 * 1024 * 1024


def read(request: HttpRequest, *, limits: Mapping[str, int]) -> bytes:
    """The body of `request`, of one of the types in `limits` and at most so many bytes. Raises Problem 413 or 415."""
    limit = limits.get((request.content_type or "").lower())
    if limit is None:
        taken = " or ".join(limits)
        raise Problem("invalid_request", f"Send the body as Content-Type: {taken}.", status=415)
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise Problem("invalid_request", "Send the body as it is, without a Content-Encoding.", status=415)
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    try:
        body = _stream(request).read(limit + 1)
    except (UnreadablePostError, OSError) as error:
        raise invalid("The body could not be read to its end.") from error
    if len(body) > limit:
        raise _too_large(limit)
    if declared.isdigit() and len(body) < int(declared):  # the sender went away in the middle of it
        raise invalid("The body ends before its Content-Length.")
    return bytes(body)


def absent(request: HttpRequest) -> bool:
    """Whether `request` has no body, whatever it says of its type."""
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    return not chunked and (request.META.get("CONTENT_LENGTH") or "0").strip() == "0"


def parse(body: bytes) -> Any:
    """The JSON value of `body`. Raises Problem 400."""
    try:
        return jsontext.loads(body)
    except jsontext.NotJson as error:
        raise invalid(str(error)) from error


def _stream(request: HttpRequest) -> Any:
    # Django gives an empty stream to a chunked request, which has no length; the server ends the input itself.
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    if chunked and not request.META.get("CONTENT_LENGTH") and isinstance(request, WSGIRequest):
        return request.environ["wsgi.input"]
    return request


def _too_large(limit: int) -> Problem:
    return Problem("payload_too_large", f"The body may have {limit // 1024} KiB.")
