"""/api/v1/workspaces: customers made, given credits and handed over by the operator's backend."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api import bodies, provisioning
from billing.api.access import workspace_named
from billing.api.idempotency import REPLAY, idempotency_key
from billing.api.operations import answer, caller, declared
from billing.api.parameters import query
from billing.api.schemas.workspaces import (
    GrantBody,
    Granted,
    NewWorkspace,
    PortalSession,
    PortalSessionBody,
    WorkspaceDocument,
    WorkspaceMade,
    Workspaces,
    WorkspacesQuery,
)
from billing.plans.customers import customer

router = Router(tags=["Workspaces"])


@router.post(
    "",
    **declared(
        Scope.WORKSPACES_WRITE,
        {201: WorkspaceMade},
        problems=(409,),
        body=NewWorkspace,
        body_limit=bodies.SINGLE_LIMIT,
        idempotent=True,
        for_operator=True,
    ),
    operation_id="workspaces_create",
    summary="Make a customer: a workspace with its owner, plan and first key",
)
def create(request: HttpRequest) -> HttpResponse:
    """Idempotent by `external_id`, and by the Idempotency-Key header: the same body again is answered as the first
    time, without the key, which is shown once. Sends no e-mail: hand the owner over by a portal session, or let them
    sign in by a code.
    """
    _, key = caller(request)
    found = provisioning.made(
        key=key, raw=bodies.parse(request.body), idempotency_key=idempotency_key(request), request=request
    )
    return answer(provisioning.made_document(found), status=201, headers=REPLAY if found.replay else None)


@router.get(
    "",
    **declared(Scope.WORKSPACES_READ, {200: Workspaces}, query=WorkspacesQuery, for_operator=True),
    operation_id="workspaces_list",
    summary="Workspaces, newest first",
)
def workspaces(request: HttpRequest) -> HttpResponse:
    """All of them, also those that were made in the portal."""
    return answer(provisioning.listed(query(request, WorkspacesQuery)))


@router.post(
    "/{any:workspace}/grants",
    **declared(
        Scope.WORKSPACES_WRITE,
        {201: Granted},
        problems=(409, 422),
        body=GrantBody,
        body_limit=bodies.SINGLE_LIMIT,
        idempotent="always",
        for_operator=True,
    ),
    operation_id="workspaces_grant",
    summary="Give credits",
)
def grant(request: HttpRequest, workspace: str) -> HttpResponse:
    """A lot of its own, which repays debt first. Needs an Idempotency-Key, so that no repeat gives twice."""
    _, key = caller(request)
    found = workspace_named(workspace)
    result = provisioning.granted(
        workspace=found,
        key=key,
        raw=bodies.parse(request.body),
        idempotency_key=idempotency_key(request),
        request=request,
    )
    return answer(provisioning.granted_document(found, result), status=201, headers=REPLAY if result.replay else None)


@router.post(
    "/{any:workspace}/portal-session",
    **declared(
        Scope.WORKSPACES_WRITE,
        {201: PortalSession},
        body=PortalSessionBody,
        body_limit=bodies.SINGLE_LIMIT,
        body_optional=True,
        replays=False,
        for_operator=True,
    ),
    operation_id="workspaces_portal_session",
    summary="A one-time link that opens the portal for a member",
)
def portal_session(request: HttpRequest, workspace: str) -> HttpResponse:
    """Good for one minute and once. It signs that person in to this workspace only, for up to 8 hours; the account, its
    other workspaces and the operator's own people stay out of reach. Each request makes another link.
    """
    _, key = caller(request)
    found = workspace_named(workspace)
    raw = bodies.parse(request.body)
    return answer(provisioning.portal_session(workspace=found, key=key, raw=raw, request=request), status=201)


@router.get(
    "/{any:workspace}",
    **declared(Scope.WORKSPACES_READ, {200: WorkspaceDocument}, for_operator=True),
    operation_id="workspaces_get",
    summary="One workspace, by its id or your external id",
)
def workspace(request: HttpRequest, workspace: str) -> HttpResponse:
    """As it is now."""
    return answer(provisioning.document(customer(workspace_named(workspace))))
