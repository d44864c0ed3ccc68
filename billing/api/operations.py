"""How an operation is declared: once, for the router and for the OpenAPI document."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel

from accounts.models import ApiKey
from accounts.scopes import Scope
from billing.api import jsontext
from billing.api.access import BearerKey
from billing.api.calls import Call, call_of
from billing.api.schemas.base import ProblemDocument

JSON = "application/json"
EVERY_KEY = (400, 401, 403, 404, 429, 500, 503)  # what any route with a key may answer


class Body(NamedTuple):
    """A body that an operation takes: its shape, and its size in bytes at most."""

    model: type[BaseModel]
    limit: int


def declared(
    scope: Scope,
    success: Mapping[int, type[BaseModel]],
    *,
    problems: Sequence[int] = (),
    body: type[BaseModel] | None = None,
    body_limit: int = 0,
    bodies: Mapping[str, Body] | None = None,
    headers: Mapping[str, str] | None = None,
    query: type[BaseModel] | None = None,
    csv: bool = False,
    content_type: str = "application/json",
    names_workspace: bool = True,
    idempotent: bool | Literal["always"] = False,
    body_optional: bool = False,
    replays: bool = True,
    for_operator: bool = False,
    while_suspended: bool = False,
    files: Sequence[str] = (),
) -> dict[str, Any]:
    """Keyword arguments of `router.get` and `router.post`. `x-purser` is read and removed by openapi.py.

    `idempotent`: it takes an Idempotency-Key header ("always": it needs one). `replays`: a repeat
    of what makes something is answered as the first time. `for_operator`: for service keys, and the
    workspace, if any, is in the path. `content_type`: of a success; of JSON Lines the model is one line. `bodies`: in
    place of `body` and `body_limit`, bodies of several content types. `headers`: that it reads, described. `files`:
    further content types of a success that are no text. `while_suspended`: what writes billing is refused to the keys
    of a suspended workspace before anything is read, unless the operation tells itself what may be done then.
    """
    bodies = bodies or ({JSON: Body(body, body_limit)} if body is not None else {})
    statuses = sorted({*EVERY_KEY, *problems, *((413, 415) if bodies else ())})
    return {
        "auth": BearerKey(
            scope,
            query=query,
            body_limits={kind: each.limit for kind, each in bodies.items()},
            body_optional=body_optional,
            names_workspace=names_workspace,
            for_operator=for_operator,
            while_suspended=while_suspended,
        ),
        "response": {**success, **dict.fromkeys(statuses, ProblemDocument)},
        "openapi_extra": {
            "x-purser": {
                "scope": scope.value,
                "bodies": {kind: each.model for kind, each in bodies.items()},
                "headers": headers or {},
                "body_optional": body_optional,
                "replays": replays,
                "for_operator": for_operator,
                "query": query,
                "csv": csv,
                "files": files,
                "content_type": content_type,
                "metered": True,
                "idempotent": idempotent,
            }
        },
        "by_alias": True,
    }


def answer(data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """`data` as JSON. Its shape is what the operation's model describes; a test holds them together."""
    return HttpResponse(
        jsontext.dumps(data), status=status, content_type="application/json", headers=dict(headers or {})
    )


def caller(request: HttpRequest) -> tuple[Call, ApiKey]:
    """The call and its key, on a route that needs one."""
    call = call_of(request)
    return call, cast(ApiKey, call.key)
