"""Answers about resources."""

from typing import Any

from accounts.models import ApiKey, Workspace
from billing.api import documents
from billing.api.parameters import cursor_of, cursor_parts
from billing.api.present import amount
from billing.api.problems import Problem, invalid
from billing.api.refusals import problems
from billing.api.schemas.resources import ResourceBody, ResourcesQuery
from billing.foundation import hostclock
from billing.metering.numbers import quantity
from billing.plans.models import Resource
from billing.plans.resources.errors import ResourceConflict
from billing.plans.resources.kinds import billed
from billing.plans.resources.selectors import ResourceRow, Standing, resource_named, resource_page, rows, standing
from billing.plans.resources.services import Wanted, resource_delete, resource_put

LONGEST_ID = 120


def put(*, workspace: Workspace, key: ApiKey, external_id: str, raw: object) -> tuple[dict[str, Any], bool]:
    """The resource as `raw` describes it, and whether it was made. Raises Problem 400, 409 or 422."""
    if not _plausible(external_id):
        detail = f"An id has 1 to {LONGEST_ID} printable characters, and no space at its ends."
        raise invalid(detail, parameter="external_id")
    body = documents.read(raw, ResourceBody)
    with problems():
        amount = quantity(body.quantity, "/quantity")
        if not amount:
            raise invalid("A resource has a quantity above 0. To end it, delete it.", pointer="/quantity")
        project = key.project.slug if key.project is not None else body.project
        wanted = Wanted(body.kind, amount, body.name, project)
        try:
            found, made = resource_put(workspace=workspace, external_id=external_id, wanted=wanted)
        except ResourceConflict as error:
            place = [{"pointer": f"/{error.field}", "detail": error.detail}] if error.field else []
            raise Problem("idempotency_conflict", error.detail, errors=place) from error
    return _one(found), made


def delete(*, workspace: Workspace, external_id: str) -> dict[str, Any]:
    """Raises Problem 404."""
    found = resource_delete(workspace=workspace, external_id=external_id) if _plausible(external_id) else None
    if found is None:
        raise _unknown()
    return _one(found)


def one(*, workspace: Workspace, external_id: str) -> dict[str, Any]:
    """Raises Problem 404."""
    found = resource_named(workspace.pk, external_id) if _plausible(external_id) else None
    if found is None:
        raise _unknown()
    return _one(found)


def listed(workspace: Workspace, query: ResourcesQuery) -> dict[str, Any]:
    before = None
    if query.cursor is not None:
        (before,) = cursor_parts(query.cursor, int)
    found = resource_page(
        workspace.pk,
        state=query.state,
        before=before if isinstance(before, int) else None,
        limit=query.limit + 1,
    )
    page, now = found[: query.limit], hostclock.present()
    return {
        "running": _running(standing(workspace.pk, now)),
        "data": [_document(row) for row in rows(workspace.pk, page, now)],
        "next_cursor": cursor_of(page[-1].pk) if len(found) > len(page) else None,
    }


def _running(found: Standing) -> dict[str, Any]:
    warning = found.warning
    return {
        "state": found.state,
        **amount("daily_credits", found.cover.daily_cost),
        "lasts_until": found.lasts_until,
        "warned_at": warning.warned_at if warning else None,
        "shutdown_at": warning.shutdown_at if warning else None,
        "stopping_at": warning.stopping_at if warning else None,
    }


def _one(resource: Resource) -> dict[str, Any]:
    (row,) = rows(resource.workspace_id, [resource], hostclock.present())
    return _document(row)


def _document(row: ResourceRow) -> dict[str, Any]:
    resource = row.resource
    a_day = {"daily_credits": None, "daily_credits_nano": None}
    return {
        "external_id": resource.external_id,
        "kind": resource.kind,
        "name": resource.name,
        "project": resource.project,
        "quantity": resource.quantity,
        "meter": billed(resource.kind).meter,
        "state": row.state,
        "shutdown_at": row.shutdown_at,
        **(a_day if row.daily_cost is None else amount("daily_credits", row.daily_cost)),
        "billed_until": row.billed_until.isoformat() if row.billed_until else None,
        "created_at": resource.created_at,
        "deleted_at": resource.deleted_at,
    }


def _plausible(external_id: str) -> bool:
    return (
        0 < len(external_id) <= LONGEST_ID
        and external_id.isprintable()
        and external_id == external_id.strip()
        and external_id not in (".", "..")
    )


def _unknown() -> Problem:
    return Problem("not_found", "This workspace has no such resource, and never had.")
