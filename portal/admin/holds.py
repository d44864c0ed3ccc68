"""A hold let go by staff, when the one who placed it cannot."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action

from accounts.models import User, Workspace
from billing.credits.units import credits
from billing.foundation.adminforms import action_page
from billing.foundation.audit.services import record
from billing.ledger.hold_services import hold_release
from billing.ledger.models import Hold
from billing.ledger.selectors import HoldRow, hold
from portal.admin.extending import extend
from portal.admin.steps import CorrectionForm, MayPost, amount, must_may_post, refused


class ReleaseAction(MayPost):
    """Mixed in front of the holds' admin."""

    actions_detail = ("release",)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        """Offered while there is something to release."""
        found: Sequence[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return found if Hold.objects.filter(pk=object_id, open_until__isnull=False).exists() else []

    @action(description="Release", url_path="release", icon="lock_open", permissions=["posting"])
    def release(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; the hold ends by its POST."""
        must_may_post(request)
        placed = Hold.objects.select_related("workspace").filter(pk=object_id).first()
        row = hold(placed.workspace_id, placed.pk) if placed else None
        if placed is None or row is None:
            raise Http404
        workspace = placed.workspace
        return action_page(
            self,
            request,
            form=CorrectionForm(request.POST or None),
            title=f"Release {row.public_id} of {workspace}",
            intro="What it set aside can be spent on something else again. A request that is still running and reports "
            "what it used is charged from the balance then.",
            facts=[
                ("Workspace", f"{workspace} ({workspace.public_id})"),
                ("For", row.label or "–"),
                ("Set aside", amount(row.amount)),
                ("Placed by", f"a {row.origin} key, {row.created_at:%Y-%m-%d %H:%M:%S} UTC"),
                ("State", f"open until {row.expires_at:%Y-%m-%d %H:%M:%S} UTC" if row.is_open else row.status),
            ],
            apply=lambda data: refused(partial(_release, workspace, row, data, request)),
            back=reverse("admin:ledger_hold_change", args=[placed.pk]),
            button="Release",
        )


def _release(workspace: Workspace, row: HoldRow, data: dict[str, Any], request: HttpRequest) -> str:
    actor = cast(User, request.user)
    with transaction.atomic():
        done = hold_release(
            workspace_id=workspace.pk,
            hold_id=row.id,
            origin=None,
            namespace="operator",
            key=f"admin:{data['key']}",
            actor=actor.email,
            reason=data["reason"],
        )
        if done.replay:
            return "That was done already; nothing was posted twice."
        record(
            action="hold.released",
            actor=actor,
            workspace=workspace,
            target=f"{row.public_id}, {row.label}",
            after={"amount": str(credits(done.amount)), "available": str(credits(done.available))},
            reason=data["reason"],
            request=request,
        )
    return f"{row.public_id} released: {amount(done.amount)} set aside before. {amount(done.available)} are available."


extend(Hold, ReleaseAction)
