"""The charge of one request taken back."""

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
from billing.ledger.selectors import balance
from billing.metering.models import EventReversal, UsageEvent
from billing.metering.reverse import usage_reverse
from billing.metering.selectors.receipts import receipt_of
from portal.admin.extending import extend
from portal.admin.secondperson import ACTIONS, Hand, Values, post_or_propose
from portal.admin.steps import CorrectionForm, Facts, MayPost, amount, as_it_was, must_may_post, refused

ACTION = "charge.reverse"


class ReverseCharge(MayPost):
    """Mixed in front of the events' admin."""

    actions_detail = ("give_back",)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        """Offered until it was done."""
        found: Sequence[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [] if EventReversal.objects.filter(pk=object_id).exists() else found

    @action(description="Take the charge back", url_path="give-back", icon="undo", permissions=["posting"])
    def give_back(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; credits move by its POST."""
        must_may_post(request)
        event = UsageEvent.objects.select_related("workspace").filter(pk=object_id).first()
        if event is None:
            raise Http404
        return action_page(
            self,
            request,
            form=CorrectionForm(request.POST or None),
            title=f"Take back the charge of {event.event_id}",
            intro="The credits go back to the lots that paid, what it used of the plan is included again, and what "
            "became debt is cancelled. The request stays recorded, with this correction beside it.",
            facts=_facts(event),
            apply=lambda data: _give_back(event, data, request),
            back=reverse("admin:metering_usageevent_change", args=[event.pk]),
            button="Take back",
        )


def _facts(event: UsageEvent) -> Facts:
    found, now = receipt_of(event), balance(event.workspace_id)
    included = [f"{line.from_allowance:f} {line.meter}" for line in found.lines if line.from_allowance]
    return [
        ("Workspace", f"{event.workspace} ({event.workspace.public_id})"),
        ("Request", f"{event.event_id}, {event.model or 'platform meters'}, {event.occurred_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Charged", amount(event.amount)),
        ("Of that from lots", amount(event.amount - found.debt)),
        ("Of that beyond the balance", amount(found.debt)),
        ("Covered by the plan", ", ".join(included) or "–"),
        ("Available now", amount(now.available)),
        ("Owed now", amount(now.debt)),
    ]


def _give_back(event: UsageEvent, data: dict[str, Any], request: HttpRequest) -> str:
    return post_or_propose(
        ACTION,
        workspace=event.workspace,
        nano=event.amount,
        values={"key": data["key"], "event": event.pk, "reason": data["reason"]},
        summary=f"Take back the charge of {event.event_id} of {event.workspace} ({amount(event.amount)})",
        reason=data["reason"],
        by=cast(User, request.user),
        request=request,
    )


def _reverse_charge(workspace: Workspace, values: Values, hand: Hand) -> str:
    return refused(partial(_post, workspace, values, hand))


def _post(workspace: Workspace, values: Values, hand: Hand) -> str:
    event = UsageEvent.objects.get(pk=values["event"], workspace=workspace)
    with transaction.atomic():
        before = balance(workspace.pk)
        done = usage_reverse(workspace_id=workspace.pk, pk=event.pk, reason=values["reason"], actor=hand.words)
        if done.replay:
            return "That was done already; nothing was posted twice."
        hand.check(done.amount)
        record(
            action="usage.reversed",
            actor=hand.user,
            workspace=workspace,
            target=f"request {event.event_id}",
            before=as_it_was(before),
            after={
                "amount": str(credits(done.amount)),
                "returned": str(credits(done.returned)),
                "cancelled": str(credits(done.cancelled)),
                "balance": str(credits(done.balance.available)),
            },
            reason=values["reason"],
            request=hand.request,
        )
    return (
        f"{amount(done.amount)} taken back: {amount(done.returned)} went back to lots, {amount(done.cancelled)} of debt"
        f" were cancelled. {workspace} has {amount(done.balance.available)}."
    )


ACTIONS[ACTION] = _reverse_charge


extend(UsageEvent, ReverseCharge)
