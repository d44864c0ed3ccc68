"""The short way of the requests that a backend makes for each of its own: record, authorize, settle.

Django's handler, its signals, the resolver and Ninja cost as much as recording an event does. These three routes are
called past them, by the very functions that Ninja calls and with the access that they were declared with; what is not
one of them, and any request whose key is not known here or has changed, goes the usual way. Tests hold the answers of
both ways against each other.
"""

import re
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, NamedTuple, cast

from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.security import SecurityMiddleware

from accounts.selectors.lookup import Found
from billing.api import connections, knownkeys
from billing.api.access import BearerKey
from billing.api.calls import call_of
from billing.api.middleware import finished, problem_of
from billing.api.problems import Problem
from billing.api.service import api
from billing.ledger.session import read
from billing.metering.reporters import SourceChanged

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
PREFIX = "/api/v1"
OPERATIONS = ("usage_record", "usage_authorize", "usage_hold_settle")


class Route(NamedTuple):
    access: BearerKey
    view: Callable[..., HttpResponse]
    path: re.Pattern[str]


class ShortWay:
    """A WSGI application in front of Django's own."""

    def __init__(self, usual: Wsgi) -> None:
        self._usual = usual

    def __call__(self, given: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        connection.close_if_unusable_or_obsolete()  # as Django does for a request: the one before may have failed
        response = answer(given)
        if response is None:
            return self._usual(given, start_response)
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]


def answer(given: dict[str, Any]) -> HttpResponse | None:
    """The answer to a request that can go the short way; None leaves it, body included, as it was."""
    found = _route(given)
    if found is None:
        return None
    connections.trust()
    try:
        known = knownkeys.known_key(given.get("HTTP_AUTHORIZATION", ""))
    except DatabaseError:
        return None  # the usual way says what there is to say
    if known is None:
        return None
    request = WSGIRequest(given)
    call_of(request).unchanged = known.unchanged()
    try:
        response = _secured(request, known, *found)
    except SourceChanged:
        knownkeys.forget(known)
        if hasattr(request, "_body"):  # else nothing of it was read
            given["wsgi.input"] = BytesIO(request.body)
        return None
    return response


def _route(given: dict[str, Any]) -> tuple[Route, dict[str, str]] | None:
    path = given.get("PATH_INFO", "")
    if given["REQUEST_METHOD"] != "POST" or not path.startswith(PREFIX) or given.get("SCRIPT_NAME"):
        return None
    for route in ROUTES:
        if match := route.path.fullmatch(path):
            return route, match.groupdict()
    return None


def _secured(request: HttpRequest, known: Found, route: Route, arguments: dict[str, str]) -> HttpResponse:
    def respond(request: HttpRequest) -> HttpResponseBase:
        return finished(request, _response(request, known, route, arguments))

    return cast(HttpResponse, SecurityMiddleware(respond)(request))


def _response(request: HttpRequest, known: Found, route: Route, arguments: dict[str, str]) -> HttpResponse:
    try:
        route.access.admit(request, known.key)
        return route.view(request, **arguments)
    except SourceChanged:
        raise
    except Problem as refused:
        if not _half_read(request) and not _still(known):
            raise SourceChanged from refused
        return problem_of(request, refused)
    except Exception as error:  # perhaps after it was committed: nothing makes a hold twice, and so it ends here
        return problem_of(request, error)


def _half_read(request: HttpRequest) -> bool:
    """Whether a body broke off or was too large: it cannot be read again, and is refused whoever sends it."""
    return getattr(request, "_read_started", False) and not hasattr(request, "_body")


def _still(known: Found) -> bool:
    """Refusals are not written, so nobody has asked yet whether the key is still what it was."""
    try:
        return bool(read(known.unchanged())[0])
    except DatabaseError:
        return True  # the answer is that the database does not answer


def _routes() -> tuple[Route, ...]:
    """Those of OPERATIONS, as they are declared."""
    found = {}
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                if operation.operation_id in OPERATIONS:
                    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", PREFIX + prefix + path)
                    (access,) = operation.auth_callbacks
                    route = Route(cast(BearerKey, access), operation.view_func, re.compile(pattern))
                    found[operation.operation_id] = route
    return tuple(found[name] for name in OPERATIONS)


ROUTES = _routes()
