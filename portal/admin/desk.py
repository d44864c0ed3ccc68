"""The page of one customer: what staff look at first, each part with its newest rows and the way to all of them.

A part (`deskparts`) is shown to those whose permissions open its list.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.desk.models import StaffNote
from billing.gateway.models import StripeCustomer
from billing.ledger.selectors import Balance, balance, expiring
from portal.admin.deskparts import NEWEST, PARTS, amount_short, at, listed
from portal.admin.proposals import waiting

PERMISSION = "accounts.view_workspace"


@require_safe
def workspace_desk(request: HttpRequest, pk: int) -> HttpResponse:
    """`admin/workspaces/<id>/`; nothing is changed here, the buttons open forms."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    workspace = Workspace.objects.filter(pk=pk).first()
    if workspace is None:
        raise Http404
    now = clock.now()
    may = request.user.has_perm
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": workspace.name,
        "customer": workspace,
        "tiles": _tiles(workspace, now) if may("ledger.view_wallet") else [],
        "facts": _facts(workspace, may),
        "acts": _acts(workspace, may),
        "notes": _notes(workspace) if may("foundation.view_staffnote") else None,
        "may_note": may("foundation.add_staffnote"),
        "may_withdraw": may("foundation.change_staffnote"),
        "proposals": list(waiting().filter(workspace=workspace)[:NEWEST]) if may("foundation.view_proposal") else [],
        "parts": [build(workspace, now) for permission, build in PARTS if may(permission)],
    }
    return TemplateResponse(request, "admin/workspace_desk.html", context)


def _tiles(workspace: Workspace, now: datetime) -> list[tuple[str, str, str]]:
    found: Balance = balance(workspace.pk, now)
    ending = expiring(workspace.pk, timedelta(days=3660), now)
    first = ending[0] if ending else None
    below = amount_short(found.overdraft_limit)
    return [
        ("Available", amount_short(found.available), "new" if found.is_new else found.state),
        ("On hold", amount_short(found.held), f"{found.open_holds:,} open"),
        ("Owed", amount_short(found.debt), f"since {at(found.debt_since)}" if found.debt else f"overdraft {below}"),
        (
            "Expires next",
            amount_short(first.amount) if first else "–",
            f"{first.label}, {at(first.at)} UTC" if first else "nothing has an end",
        ),
    ]


def _facts(workspace: Workspace, may: Callable[[str], bool]) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        ("Public id", workspace.public_id),
        ("Own id", workspace.external_id or "–"),
        ("Customer since", f"{at(workspace.created_at)} UTC"),
        ("Time zone", workspace.time_zone),
    ]
    if may("packs.view_purchase"):
        known = StripeCustomer.objects.filter(workspace=workspace).order_by("-livemode")
        facts.append(("At Stripe", ", ".join(f"{c.stripe_id}{'' if c.livemode else ' (test)'}" for c in known) or "–"))
    return facts


def _acts(workspace: Workspace, may: Callable[[str], bool]) -> list[tuple[str, str]]:
    """The buttons: those forms that the person may send."""

    def act(name: str) -> str:
        return reverse(f"admin:accounts_workspace_{name}", args=[workspace.pk])

    def new(name: str) -> str:
        return f"{reverse(f'admin:{name}_add')}?workspace={workspace.pk}"

    resume = workspace.suspended_at is not None
    known = (
        ("ledger.add_operation", "Give or take credits", act("credits")),
        ("ledger.add_operation", "Refund or extend a lot", listed("ledger_lot", workspace)),
        ("ledger.add_operation", "Take back a grant", f"{listed('ledger_operation', workspace)}&family=correctable"),
        ("invoices.add_document", "Custom invoice", act("custom_invoice")),
        ("plans.change_subscription", "Change its plan", listed("plans_subscription", workspace)),
        ("pricing.add_priceoverride", "Agree on a price", new("pricing_priceoverride")),
        ("pricing.add_tierschedule", "Agree on tiers", new("pricing_tierschedule")),
        ("plans.change_workspacelimits", "Limits of its own", act("limits")),
        ("accounts.suspend_workspace", "Resume" if resume else "Suspend", act("resume" if resume else "suspend")),
        ("accounts.view_as_customer", "View as customer", act("view_as")),
        ("accounts.change_workspace", "Edit", reverse("admin:accounts_workspace_change", args=[workspace.pk])),
    )
    return [(title, url) for permission, title, url in known if may(permission)]


def _notes(workspace: Workspace) -> list[StaffNote]:
    """Those that stand, newest first; what was replaced or withdrawn is in their list."""
    standing = StaffNote.objects.filter(workspace=workspace, withdrawn_at=None, replaced_by=None)
    return list(standing.order_by("-id")[: 2 * NEWEST])
