"""Who calls and what they may do: key, rate limit, scope, workspace, then the size of the body."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from pydantic import BaseModel

from accounts.models import ApiKey, Workspace
from accounts.scopes import Scope
from accounts.selectors.keys import api_key_authenticate, touch
from accounts.selectors.lookup import workspace_by_either_id
from billing.api import bodies
from billing.api.calls import call_of
from billing.api.limits import count
from billing.api.problems import Problem, invalid
from billing.foundation.cache import TimedCache
from billing.usage.limits import is_suspended

WORKSPACE_HEADER = "Purser-Workspace"
_WORKSPACE_META = "HTTP_PURSER_WORKSPACE"  # as WSGI has it; `request.headers` would read all of them


class BearerKey:
    """Ninja's authentication of one operation. All refusals are Problems."""

    openapi_security_schema = {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key: `pws_…` of a workspace, or `psk_…` of the operator's backend.",
    }

    def __init__(
        self,
        scope: Scope,
        *,
        query: type[BaseModel] | None = None,
        body_limits: Mapping[str, int] | None = None,
        body_optional: bool = False,
        names_workspace: bool = True,
        for_operator: bool = False,
        while_suspended: bool = False,
    ) -> None:
        self.scope = scope
        self.query = query
        self.body_limits = body_limits  # bytes by content type; None: no body
        self.body_optional = body_optional
        self.names_workspace = names_workspace  # False: a service key may leave the header out (batches)
        self.for_operator = for_operator  # about all workspaces, or the one in its path: the header is not read
        self.while_suspended = while_suspended  # of those that write billing: the operation itself tells what may be

    def __call__(self, request: HttpRequest) -> ApiKey:
        call_of(request).metered = True
        return self.admit(request, authenticate(request))

    def admit(self, request: HttpRequest, key: ApiKey) -> ApiKey:
        """What remains to be asked once it is known whose request it is."""
        call = call_of(request)
        call.metered = True
        call.key = key
        count(call, key)
        touch(key)
        require_scope(key, self.scope)
        if not self.for_operator:
            call.known_workspace = workspace_of(request, key, required=self.names_workspace)
        if self.scope == Scope.BILLING_WRITE and not self.while_suspended:
            refuse_suspended(key)
        refuse_unknown(request, self.query)
        if self.body_limits:
            # Given to Django as read: its own reader has one limit for all bodies.
            absent = self.body_optional and bodies.absent(request)
            request._body = b"{}" if absent else bodies.read(request, limits=self.body_limits)
        return key


def refuse_unknown(request: HttpRequest, query: type[BaseModel] | None) -> None:
    """Raises Problem 400 for a query parameter, or a second value of one, that would silently do nothing."""
    if not request.META.get("QUERY_STRING"):
        return
    known = {field.alias or name for name, field in query.model_fields.items()} if query else set()
    for name, values in request.GET.lists():
        if name not in known:
            raise invalid(f"There is no parameter {name[:60]!r} here.", parameter=name[:60])
        if len(values) > 1:
            raise invalid(f"The parameter {name!r} is given more than once.", parameter=name)


def authenticate(request: HttpRequest) -> ApiKey:
    """The key of `request`. Raises Problem 401."""
    kind, _, plain = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    key = api_key_authenticate(plain.strip()) if kind.lower() == "bearer" else None
    if key is None:
        detail = "Send a valid key as `Authorization: Bearer <key>`."
        raise Problem("invalid_api_key", detail, headers={"WWW-Authenticate": 'Bearer realm="api"'})
    return key


def require_scope(key: ApiKey, scope: Scope) -> None:
    """Raises Problem 403 unless `key` has `scope` and its workspace still allows it."""
    if scope not in key.scopes:
        raise Problem("insufficient_scope", f"This key needs the scope {scope}.")
    if scope == Scope.USAGE_WRITE and key.workspace is not None and not key.workspace.usage_write_allowed:
        raise Problem("insufficient_scope", "The operator does not let this workspace's own keys record usage.")


def refuse_suspended(key: ApiKey) -> None:
    """Raises Problem 403 for a key of a workspace that the operator has suspended; service keys are the operator's."""
    if key.workspace_id is not None and is_suspended(key.workspace_id):
        raise Problem(
            "workspace_suspended",
            "This workspace is suspended: its keys buy nothing and change no billing until it goes on, except to cancel"
            " and to switch off. Nothing was charged or changed. Ask the team that runs the portal.",
        )


def workspace_of(request: HttpRequest, key: ApiKey, *, required: bool = True) -> Workspace | None:
    """The workspace this request is about. Raises Problem 400 or 404."""
    named = _decoded(request.META.get(_WORKSPACE_META, "").strip())
    if key.workspace is not None:
        if named and named not in (key.workspace.public_id, key.workspace.external_id):
            raise Problem("not_found", "This key belongs to another workspace.")
        return key.workspace
    if named:
        return workspace_named(named)
    if required:
        raise invalid(f"A service key names the workspace in {WORKSPACE_HEADER}.", parameter=WORKSPACE_HEADER)
    return None


def workspace_named(name: Any) -> Workspace:
    """The workspace with this id or external id. Raises Problem 404."""
    if not _plausible(name):
        raise Problem("not_found", f"There is no workspace {str(name)[:130]!r}.")
    workspace = _workspaces.get(name)
    if workspace is None:
        raise Problem("not_found", f"There is no workspace {name!r}.")
    return workspace


def _decoded(text: str) -> str:
    """WSGI hands headers over as Latin-1; clients send ids as UTF-8."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _plausible(name: Any) -> bool:
    return isinstance(name, str) and 0 < len(name) <= 120 and "\0" not in name and name.isprintable()


def _own_id(name: str, workspace: Workspace | None) -> bool:
    return workspace is not None and workspace.public_id == name


# Own ids never change hands. External ids do, and what follows must be billed to the new customer: read every time.
_workspaces: TimedCache[str, Workspace | None] = TimedCache(workspace_by_either_id, seconds=5, worth_keeping=_own_id)
