"""A mistaken grant, adjustment or refund taken back, whole."""

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
from billing.ledger.correction_services import operation_reverse
from billing.ledger.models import Lot, Operation, Transfer
from billing.ledger.selectors import balance, refundable
from portal.admin.extending import extend
from portal.admin.secondperson import ACTIONS, Hand, Values, post_or_propose
from portal.admin.steps import CorrectionForm, Facts, MayPost, amount, as_it_was, must_may_post, refused

ACTION = "operation.reverse"
FAMILIES = ("grant", "adjust", "refund")


class ReverseAction(MayPost):
    """Mixed in front of the operations' admin."""

    actions_detail = ("reverse",)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        """Offered only where there is something to reverse."""
        found: Sequence[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        operation = Operation.objects.filter(pk=object_id).first()
        return found if operation is not None and _reversible(operation) else []

    @action(description="Take back", url_path="reverse", icon="undo", permissions=["posting"])
    def reverse(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; credits move by its POST."""
        must_may_post(request)
        operation = Operation.objects.select_related("workspace").filter(pk=object_id).first()
        if operation is None:
            raise Http404
        return action_page(
            self,
            request,
            form=CorrectionForm(request.POST or None),
            title=f"Take back {operation.kind} of {operation.workspace}",
            intro="Nothing is erased: a new operation takes all of this one back and says that it does.",
            facts=_facts(operation),
            apply=lambda data: _reverse(operation, data, request),
            back=reverse("admin:ledger_operation_change", args=[operation.pk]),
            button="Take back",
        )


def _reversible(operation: Operation) -> bool:
    family, _, rest = operation.kind.partition(".")
    if family not in FAMILIES or rest == "reverse":
        return False
    return not Operation.objects.filter(reverses_id=operation.pk, kind=f"{family}.reverse").exists()


def _facts(operation: Operation) -> Facts:
    facts = [
        ("Workspace", f"{operation.workspace} ({operation.workspace.public_id})"),
        ("Operation", f"{operation.kind}, {operation.created_at:%Y-%m-%d %H:%M} UTC"),
        ("Reason given then", operation.reason or "–"),
    ]
    now = balance(operation.workspace_id)
    lot = Lot.objects.filter(operation_id=operation.pk).first()
    found = refundable(operation.workspace_id, lot.pk) if lot else None
    if lot is None or found is None:
        moved = Transfer.objects.filter(operation_id=operation.pk).values_list("amount", flat=True)
        return [*facts, ("Comes back", amount(sum(moved))), ("Owed now", amount(now.debt))]
    from_lot = min(found.most, found.unspent)
    return [
        *facts,
        ("Brought in", f"{amount(lot.amount)}, {lot.label}"),
        ("Taken back before", amount(found.taken_back)),
        ("Taken out of the lot", amount(from_lot)),
        ("Spent or on hold, becomes debt", amount(found.most - from_lot)),
        ("Available now", amount(now.available)),
        ("Owed now", amount(now.debt)),
    ]


def _reverse(operation: Operation, data: dict[str, Any], request: HttpRequest) -> str:
    nano = _moves(operation)
    return post_or_propose(
        ACTION,
        workspace=operation.workspace,
        nano=nano,
        values={"key": data["key"], "operation": operation.pk, "reason": data["reason"]},
        summary=f"Take back {operation.kind} of {operation.workspace} ({amount(nano)})",
        reason=data["reason"],
        by=cast(User, request.user),
        request=request,
    )


def _moves(operation: Operation) -> int:
    """Nano-credits that taking it back would move, at most."""
    lot = Lot.objects.filter(operation_id=operation.pk).first()
    found = refundable(operation.workspace_id, lot.pk) if lot else None
    if found is not None:
        return found.most
    return sum(Transfer.objects.filter(operation_id=operation.pk).values_list("amount", flat=True))


def _reverse_operation(workspace: Workspace, values: Values, hand: Hand) -> str:
    return refused(partial(_post, workspace, values, hand))


def _post(workspace: Workspace, values: Values, hand: Hand) -> str:
    operation = Operation.objects.get(pk=values["operation"], workspace=workspace)
    with transaction.atomic():
        before = balance(workspace.pk)
        done = operation_reverse(
            workspace_id=workspace.pk,
            operation_id=operation.pk,
            key=f"admin:{values['key']}",
            reason=values["reason"],
            actor=hand.words,
        )
        if done.replay:
            return "That was done already; nothing was posted twice."
        hand.check(done.amount)
        record(
            action="operation.reversed",
            actor=hand.user,
            workspace=workspace,
            target=f"{operation.kind} {operation.namespace}:{operation.key}",
            before=as_it_was(before),
            after={
                "amount": str(credits(done.amount)),
                "owed": str(credits(done.owed)),
                "balance": str(credits(done.balance)),
            },
            reason=values["reason"],
            request=hand.request,
        )
    return f"{amount(done.amount)} taken back. {workspace} has {amount(done.balance)} and owes {amount(done.owed)}."


ACTIONS[ACTION] = _reverse_operation


extend(Operation, ReverseAction)
