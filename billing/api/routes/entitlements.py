"""/api/v1/entitlements: what the plan lets a workspace do."""

import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api.operations import answer, caller, declared
from billing.api.problems import invalid
from billing.api.schemas.plans import Entitlement, Entitlements
from billing.plans import entitlements as plans
from billing.plans.limits import limits_for

router = Router(tags=["Plans"])
_NAME = re.compile(r"[\w.\-]{1,120}")


@router.get(
    "",
    **declared(Scope.USAGE_READ, {200: Entitlements}),
    operation_id="entitlements",
    summary="What the plan of the workspace includes and allows",
)
def listed(request: HttpRequest) -> HttpResponse:
    """Features, qualities, allowances with what is used of them, limits per request, concurrency, overdraft. A plan
    that names no qualities allows all of them.
    """
    call, _ = caller(request)
    plan = limits_for(call.workspace.pk).plan_key or None
    data = [_document(found, found.name, plan) for found in plans.entitlements(call.workspace.pk)]
    return answer({"plan": plan, "data": data})


@router.get(
    "/{path:feature}",
    **declared(Scope.USAGE_READ, {200: Entitlement}),
    operation_id="entitlement",
    summary="Whether the plan of the workspace has a feature",
)
def one(request: HttpRequest, feature: str) -> HttpResponse:
    """By `kind.name` (`quality.premium`, `request_limit.input_characters`) or the name alone, which is looked for among
    features, qualities, allowances and limits, in this order. A feature is named by its text with dashes
    (`commercial-use`). A name that the plan does not know is `"entitled": false`.
    """
    call, _ = caller(request)
    if not _NAME.fullmatch(feature):
        detail = "A name has at most 120 letters, digits, dots, dashes and underscores."
        raise invalid(detail, parameter="feature")
    plan = limits_for(call.workspace.pk).plan_key or None
    return answer(_document(plans.entitlement(call.workspace.pk, feature), feature, plan))


def _document(found: plans.Entitlement, name: str, plan: str | None) -> dict[str, Any]:
    return {
        "feature": name,
        "entitled": found.entitled,
        "kind": found.kind,
        "text": found.text or None,
        "limit": found.limit,
        "used": found.used,
        "remaining": found.remaining,
        "resets_at": found.resets_at,
        "plan": plan,
    }
