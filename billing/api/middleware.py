"""The API's short way: no session, no sign-in, no CSRF, no compression; every answer is JSON."""

import logging
from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, ResolverMatch, URLResolver, get_resolver

from billing.api import connections
from billing.api.calls import call_of
from billing.api.problems import CONTENT_TYPE, Problem, invalid

logger = logging.getLogger("django.request")

PREFIXES = ("/api/", "/v1/")
DOCS = "/api/v1/docs"  # a page like the others
POLICY = "default-src 'none'; frame-ancestors 'none'"


class ApiMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIXES) or request.path_info == DOCS:
            return self.get_response(request)
        connections.trust()
        return finished(request, _answer(request))


def finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """`response` with the headers that every answer has."""
    call_of(request).write_headers(response)
    response.setdefault("Content-Security-Policy", POLICY)
    response.setdefault("Cache-Control", "no-store")
    if isinstance(response, HttpResponse) and response.status_code != 204:
        response.setdefault("Content-Length", str(len(response.content)))
    return response


def problem_of(request: HttpRequest, error: BaseException) -> HttpResponse:
    """The problem document for anything that ended a request; unforeseen errors are logged."""
    if isinstance(error, Problem):
        return error.response()
    if isinstance(error, Http404):
        return Problem("not_found").response()
    if isinstance(error, RequestDataTooBig):
        return Problem("payload_too_large").response()
    if isinstance(error, SuspiciousOperation):
        return invalid("The request is malformed.").response()
    got_request_exception.send(sender=None, request=request)
    logger.error("API request failed: %s %s", request.method, request.path, exc_info=error)
    if isinstance(error, OperationalError | InterfaceError):
        return Problem("unavailable", headers={"Retry-After": "1"}).response()
    return Problem("internal_error").response()


def _answer(request: HttpRequest) -> HttpResponseBase:
    try:
        match = _resolver().resolve(request.path_info)
        request.resolver_match = match
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": _allowed(match, request)})
        if request.method == "HEAD":
            return _head(match.func(_as_get(request), *match.args, **match.kwargs))
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    except Resolver404:
        return Problem("not_found", "There is no such endpoint; see /api/v1/docs.").response()
    except Exception as error:
        return problem_of(request, error)
    if response.status_code == 405 and response.headers.get("Content-Type") != CONTENT_TYPE:
        return _not_allowed(response)
    return response


def _resolver() -> URLResolver:
    return get_resolver("billing.api.urls")


def _as_get(request: HttpRequest) -> HttpRequest:
    request.method = "GET"
    return request


def _head(response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code == 405:
        return _not_allowed(response)
    if isinstance(response, HttpResponse):
        response.headers["Content-Length"] = str(len(response.content))
        response.content = b""
    else:
        response.close()
        response.streaming_content = iter(())  # type: ignore[attr-defined]
    return response


def _allowed(match: ResolverMatch, request: HttpRequest) -> str:
    """The Allow header of a view, asked by a method that no view takes."""
    request.method = "ALLOW"
    return _methods(match.func(request, *match.args, **match.kwargs))


def _methods(response: HttpResponseBase) -> str:
    methods = {part.strip() for part in response.headers.get("Allow", "").split(",")} - {""}
    if "GET" in methods:
        methods |= {"HEAD"}
    return ", ".join(sorted(methods | {"OPTIONS"}))


def _not_allowed(response: HttpResponseBase) -> HttpResponse:
    allow = _methods(response)
    return Problem("invalid_request", f"This endpoint takes {allow}.", status=405, headers={"Allow": allow}).response()
