"""/api/v1/resources: infrastructure that runs for a workspace, billed by the day."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api import bodies, resourcing
from billing.api.operations import answer, caller, declared
from billing.api.parameters import query
from billing.api.schemas.resources import ResourceBody, ResourceDocument, Resources, ResourcesQuery

router = Router(tags=["Resources"])


@router.get(
    "",
    **declared(Scope.USAGE_READ, {200: Resources}, query=ResourcesQuery),
    operation_id="resources_list",
    summary="Resources, what they cost a day, and until when the balance lasts",
)
def listed(request: HttpRequest) -> HttpResponse:
    """Poll it with `state=stopping` for what is to be shut down. A resource that still runs then goes on being billed
    until it is deleted.
    """
    call, _ = caller(request)
    return answer(resourcing.listed(call.workspace, query(request, ResourcesQuery)))


@router.put(
    "/{any:external_id}",
    **declared(
        Scope.USAGE_WRITE,
        {200: ResourceDocument, 201: ResourceDocument},
        problems=(409, 422),
        body=ResourceBody,
        body_limit=bodies.SINGLE_LIMIT,
        replays=False,
    ),
    operation_id="resources_put",
    summary="Say that a resource exists, or how much of it",
)
def put(request: HttpRequest, external_id: str) -> HttpResponse:
    """Idempotent by your own id of it. A container or storage is billed for every day (UTC) that has begun while it
    exists, at the largest quantity of the day: the first one now, what rises at once, and each further day when it
    begins. A deployment is billed once. After a DELETE the same id is a new resource. Answers 201 when it was made.
    """
    call, key = caller(request)
    found, made = resourcing.put(
        workspace=call.workspace, key=key, external_id=external_id, raw=bodies.parse(request.body)
    )
    return answer(found, status=201 if made else 200)


@router.get(
    "/{any:external_id}",
    **declared(Scope.USAGE_READ, {200: ResourceDocument}),
    operation_id="resources_get",
    summary="One resource",
)
def one(request: HttpRequest, external_id: str) -> HttpResponse:
    """By your own id. Of those that were deleted the latest."""
    call, _ = caller(request)
    return answer(resourcing.one(workspace=call.workspace, external_id=external_id))


@router.delete(
    "/{any:external_id}",
    **declared(Scope.USAGE_WRITE, {200: ResourceDocument}),
    operation_id="resources_delete",
    summary="Say that a resource is gone",
)
def delete(request: HttpRequest, external_id: str) -> HttpResponse:
    """The day that has begun stays billed; no further one will be. Sent again it answers the same."""
    call, _ = caller(request)
    return answer(resourcing.delete(workspace=call.workspace, external_id=external_id))
