"""Answers of the workspace endpoints: customers made, given credits and handed over by the operator's backend."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from accounts.errors import NoSuchMember, NotAllowed, Refused
from accounts.models import ApiKey, Workspace
from accounts.services.portal_links import portal_link_create
from billing.api import documents, idempotency
from billing.api.parameters import cursor_of, cursor_parts
from billing.api.present import amount
from billing.api.problems import Problem, invalid
from billing.api.refusals import problems
from billing.api.schemas.workspaces import GrantBody, NewWorkspace, PortalSessionBody, WorkspacesQuery
from billing.credits.units import credits, exact_nano
from billing.foundation.audit.services import record
from billing.foundation.site.selectors import site
from billing.ledger import selectors as ledger
from billing.ledger.errors import IdempotencyConflict
from billing.ledger.models import Operation
from billing.ledger.records import GrantResult
from billing.ledger.services import credits_grant, cut
from billing.metering.numbers import quantity
from billing.metering.validate import instant
from billing.plans.customers import Customer, customers
from billing.plans.errors import ProvisionConflict, UnknownPlan
from billing.plans.provisioning import NewCustomer, ProvisionAnswer, workspace_provision_once

NAMESPACE = "api:service"


def made(*, key: ApiKey, raw: object, idempotency_key: str, request: HttpRequest) -> ProvisionAnswer:
    """The workspace that `raw` describes, made now or before. Raises Problem 400 or 409."""
    body = documents.read(raw, NewWorkspace)
    if body.external_id is None and not idempotency_key:
        detail = f"Send external_id or an {idempotency.HEADER} header, so that a repeat makes no second workspace."
        raise invalid(detail, pointer="/external_id")
    wanted = NewCustomer(
        name=body.name,
        owner_email=body.owner_email,
        plan_key=body.plan,
        external_id=body.external_id,
        time_zone=body.time_zone,
        usage_write_allowed=body.usage_write_allowed,
    )
    with _refusals():
        return workspace_provision_once(wanted, key=idempotency_key, actor=_actor(key), request=request)


def made_document(found: ProvisionAnswer) -> dict[str, Any]:
    result = dict(found.result)
    key = result.pop("key")
    result["created_at"] = datetime.fromisoformat(result["created_at"])
    shown = "Keep it: it is shown only now."
    gone = "It was shown in the first answer only. If it is lost, revoke it and make another on the API-keys page."
    return {**result, "api_key": {"key": found.api_key, **key, "note": gone if found.replay else shown}}


def listed(query: WorkspacesQuery) -> dict[str, Any]:
    before = None
    if query.cursor is not None:
        (before,) = cursor_parts(query.cursor, int)
    rows = customers(before=before if isinstance(before, int) else None, limit=query.limit + 1)
    page = rows[: query.limit]
    return {
        "data": [document(row) for row in page],
        "next_cursor": cursor_of(page[-1].workspace.pk) if len(rows) > len(page) else None,
    }


def document(found: Customer) -> dict[str, Any]:
    workspace, owner = found.workspace, found.owner
    return {
        "id": workspace.public_id,
        "external_id": workspace.external_id,
        "name": workspace.name,
        "plan": found.plan,
        "time_zone": workspace.time_zone,
        "usage_write_allowed": workspace.usage_write_allowed,
        "created_at": workspace.created_at,
        "owner": {"email": owner.email, "name": owner.name} if owner else None,
    }


def granted(
    *, workspace: Workspace, key: ApiKey, raw: object, idempotency_key: str, request: HttpRequest
) -> GrantResult:
    """Give the credits in `raw`, once per `idempotency_key`. Raises Problem 400, 409 or 422."""
    body = documents.read(raw, GrantBody)
    if not idempotency_key:
        detail = f"A grant needs an {idempotency.HEADER} header: with it, sending it again gives nothing twice."
        raise invalid(detail, parameter=idempotency.HEADER)
    with problems(), transaction.atomic():
        wanted = quantity(body.credits, "/credits")
        if not wanted:
            raise invalid("Give more than 0 credits.", pointer="/credits")
        nano = exact_nano(wanted)
        expires_at = None if body.expires_at is None else instant(body.expires_at, "/expires_at")
        try:
            result = credits_grant(
                workspace_id=workspace.pk,
                namespace=NAMESPACE,
                key=idempotency_key,
                amount=nano,
                label=body.label,
                expires_at=expires_at,
                actor=_actor(key),
                reason=body.reason,
            )
        except ValueError as error:
            if type(error) is not ValueError:  # AmountOutOfRange
                raise
            raise invalid("Name a time to come.", pointer="/expires_at") from error
        if result.replay:
            _check_reason(workspace, idempotency_key, body.reason)
        else:
            record(
                action="credits.given",
                actor=_actor(key),
                workspace=workspace,
                target=f"{wanted.normalize():f} {site().credit_name_plural}",
                after={"balance": str(credits(result.balance)), "label": body.label, "expires_at": expires_at},
                reason=body.reason,
                request=request,
            )
    return result


def granted_document(workspace: Workspace, result: GrantResult) -> dict[str, Any]:
    lot = ledger.lot(workspace.pk, result.lot_id) if result.lot_id is not None else None
    if lot is None:
        raise LookupError("a grant without its lot")
    return {
        "lot": {
            "id": f"lot_{lot.id}",
            "source": lot.source,
            "label": lot.label,
            **amount("amount", lot.amount),
            "granted_at": lot.granted_at,
            "effective_at": lot.effective_at,
            "expires_at": lot.expires_at,
        },
        **amount("repaid", result.repaid),
        **amount("balance", result.balance),
    }


def portal_session(*, workspace: Workspace, key: ApiKey, raw: object, request: HttpRequest) -> dict[str, Any]:
    """A link that opens the portal for one member. Raises Problem 400, 403 or 404."""
    body = documents.read(raw, PortalSessionBody)
    with _refusals():
        link, url = portal_link_create(
            workspace=workspace, made_by=key, email=body.email, path=body.return_path or "", request=request
        )
    return {"url": url, "expires_at": link.expires_at}


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NoSuchMember as error:
        raise Problem("not_found", error.message) from error
    except NotAllowed as error:
        raise Problem("insufficient_scope", error.message) from error
    except Refused as error:
        raise invalid(error.message, pointer=f"/{error.field}" if error.field else "") from error
    except UnknownPlan as error:
        raise invalid(str(error), pointer="/plan") from error
    except ProvisionConflict as error:
        raise Problem("idempotency_conflict", str(error)) from error


def _check_reason(workspace: Workspace, key: str, reason: str) -> None:
    """The ledger's own comparison of repeats leaves the reason out. Raises IdempotencyConflict."""
    said = Operation.objects.values_list("reason", flat=True).get(workspace=workspace, namespace=NAMESPACE, key=key)
    if said != cut(reason, 500):
        raise IdempotencyConflict(NAMESPACE, key)


def _actor(key: ApiKey) -> str:
    return f"service key {key.prefix}…"
