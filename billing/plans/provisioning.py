"""Customers made by the operator: a workspace, its owner and its first key, all or nothing, and once."""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import ApiKey, User, Workspace
from accounts.scopes import WORKSPACE_SCOPES, KeyKind, Scope
from accounts.services.keys import api_key_create
from accounts.services.people import person_found_or_created
from billing.credits import clock
from billing.ledger.services import request_hash
from billing.plans.errors import ProvisionConflict
from billing.plans.models import Provision
from billing.plans.selectors import subscribed_version
from billing.plans.services import workspace_open

FIRST_KEY = "First key"


@dataclass(frozen=True, kw_only=True)
class NewCustomer:
    """What the operator wants. `usage_write_allowed`: the customer's own keys may record usage."""

    name: str
    owner_email: str
    plan_key: str | None = None
    external_id: str | None = None
    time_zone: str = "UTC"
    usage_write_allowed: bool = False


@dataclass(frozen=True)
class Provisioned:
    workspace: Workspace
    key: ApiKey
    api_key: str  # shown once
    owner: User
    owner_is_new: bool
    plan: str  # empty: none


@dataclass(frozen=True)
class ProvisionAnswer:
    """What was made, as the first caller was told it; the key's text only to them."""

    result: dict[str, Any]
    api_key: str | None
    replay: bool


def workspace_provision(
    wanted: NewCustomer, *, actor: str = "operator", request: HttpRequest | None = None
) -> Provisioned:
    """Make all of it; an owner without an account gets one without a password. Sends no e-mail.

    The first key has every scope that a key of this workspace may have. Raises accounts' `Refused` (bad address, taken
    external id, a name or time zone that will not do) or UnknownPlan.
    """
    with transaction.atomic():
        owner, owner_is_new = person_found_or_created(email=wanted.owner_email)
        workspace = workspace_open(
            name=wanted.name,
            owner=owner,
            plan_key=wanted.plan_key,
            external_id=wanted.external_id,
            time_zone=wanted.time_zone,
            usage_write_allowed=wanted.usage_write_allowed,
            actor=actor,
            request=request,
        )
        scopes = [scope for scope in WORKSPACE_SCOPES if scope != Scope.USAGE_WRITE or wanted.usage_write_allowed]
        key, plain = api_key_create(
            kind=KeyKind.WORKSPACE, workspace=workspace, name=FIRST_KEY, scopes=scopes, actor=actor, request=request
        )
        version = subscribed_version(workspace.pk)
    return Provisioned(workspace, key, plain, owner, owner_is_new, version.plan.key if version else "")


def workspace_provision_once(
    wanted: NewCustomer, *, key: str, actor: str, request: HttpRequest | None = None
) -> ProvisionAnswer:
    """As above, done once for each external id, and for each `key` (the caller's own name of the request, or empty).

    Raises also ProvisionConflict: the id or the key was used before, for something else.
    """
    content = asdict(wanted) | {"owner_email": wanted.owner_email.strip().lower()}
    digest = request_hash({"workspace": content})
    if (found := _found(wanted, key, digest)) is not None:
        return found
    try:
        with transaction.atomic():
            made = workspace_provision(wanted, actor=actor, request=request)
            result = _result(made)
            Provision.objects.create(
                workspace=made.workspace,
                key=key,
                request_hash=digest,
                result=result,
                created_at=clock.now(),
            )
    except (IntegrityError, Refused) as error:
        # Somebody else may have made it since we looked.
        if isinstance(error, Refused) and error.field != "external_id":
            raise
        if (found := _found(wanted, key, digest)) is None:
            raise
        return found
    return ProvisionAnswer(result, made.api_key, replay=False)


def _found(wanted: NewCustomer, key: str, digest: bytes) -> ProvisionAnswer | None:
    by_key = Provision.objects.filter(key=key).first() if key else None
    if by_key is not None:
        return _again(by_key, digest, "This Idempotency-Key was used before for another workspace. Nothing was made.")
    if wanted.external_id is None:
        return None
    taken = Workspace.objects.filter(external_id=wanted.external_id).first()
    if taken is None:
        return None
    detail = f"The external id {wanted.external_id!r} belongs to {taken.public_id} already, which was made otherwise."
    known = Provision.objects.filter(workspace=taken).first()
    if known is None:
        raise ProvisionConflict(detail)
    return _again(known, digest, detail)


def _again(known: Provision, digest: bytes, otherwise: str) -> ProvisionAnswer:
    if bytes(known.request_hash) != digest:
        raise ProvisionConflict(otherwise)
    return ProvisionAnswer(known.result, None, replay=True)


def _result(made: Provisioned) -> dict[str, Any]:
    workspace = made.workspace
    return {
        "id": workspace.public_id,
        "external_id": workspace.external_id,
        "name": workspace.name,
        "plan": made.plan or None,
        "time_zone": workspace.time_zone,
        "usage_write_allowed": workspace.usage_write_allowed,
        "created_at": workspace.created_at.isoformat(),
        "owner": {"email": made.owner.email, "name": made.owner.name},
        "key": {"prefix": made.key.prefix, "name": made.key.name, "scopes": made.key.scopes},
    }
