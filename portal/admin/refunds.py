"""Credits of a lot taken back because its money was paid back."""

from decimal import Decimal
from functools import partial
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from accounts.models import User, Workspace
from billing.credits.format import dollars_text
from billing.credits.units import credits, exact_nano
from billing.foundation.adminforms import ActionForm, reason_field
from billing.foundation.audit.services import record
from billing.foundation.site.selectors import site
from billing.ledger.correction_services import lot_refund
from billing.ledger.models import Lot
from billing.ledger.selectors import Refundable, balance, refundable
from portal.admin.extending import extend
from portal.admin.secondperson import ACTIONS, Hand, Values, post_or_propose
from portal.admin.steps import Facts, MayPost, amount, as_it_was, must_may_post, refused, two_steps

ACTION = "lot.refund"


class RefundForm(ActionForm):
    amount = forms.DecimalField(
        min_value=Decimal("0.000000001"),
        max_digits=19,
        decimal_places=9,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Credits. The money itself is paid back outside the portal.",
    )
    reason = reason_field("The customer reads it with the entry; it is kept in the audit log.")


class RefundAction(MayPost):
    """Mixed in front of the lots' admin."""

    actions_detail: tuple[str, ...] = ("refund",)

    @action(description="Refund credits", url_path="refund", icon="undo", permissions=["posting"])
    def refund(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; credits move by its second POST."""
        must_may_post(request)
        lot = Lot.objects.select_related("workspace").filter(pk=object_id).first()
        found = refundable(lot.workspace_id, lot.pk) if lot else None
        if lot is None or found is None:
            raise Http404
        return two_steps(
            self,
            request,
            form=RefundForm(request.POST or None, initial={"amount": credits(min(found.unspent, found.most))}),
            title=f"Refund of {lot.label}",
            facts=_facts(lot, found),
            effect=lambda data: _effect(lot, found, exact_nano(data["amount"])),
            apply=lambda data: _refund(lot, data, request),
            back=reverse("admin:ledger_lot_change", args=[lot.pk]),
            button="Refund",
        )


def _facts(lot: Lot, found: Refundable) -> Facts:
    return [
        ("Workspace", f"{lot.workspace} ({lot.workspace.public_id})"),
        ("Brought in", _worth(lot, lot.amount)),
        ("Taken back before", amount(found.taken_back)),
        ("Unspent and not on hold", _worth(lot, found.unspent)),
        ("Most that can be refunded", _worth(lot, found.most)),
    ]


def _effect(lot: Lot, found: Refundable, nano: int) -> Facts:
    """As things stand now; what the ledger finds when it posts is what counts, and is told then."""
    if nano > found.most:
        raise ValidationError(f"At most {amount(found.most)} can be refunded.")
    from_lot = min(nano, found.unspent)
    spent = nano - from_lot
    now = balance(lot.workspace_id)
    # A lot that has not started is none of what is available.
    free = now.available - (0 if lot.scheduled else from_lot)
    repaid = min(spent, max(free, 0))
    return [
        ("Refunded", _worth(lot, nano)),
        ("Taken out of the lot", amount(from_lot)),
        ("Spent or on hold, becomes debt", amount(spent)),
        ("Of that repaid at once by other credits", amount(repaid)),
        ("Owed after", amount(now.debt + spent - repaid)),
        ("Available after", amount(free - repaid)),
    ]


def _worth(lot: Lot, nano: int) -> str:
    """Credits, and what was paid for them."""
    if lot.unit_price_usd is None:
        return amount(nano)
    return f"{amount(nano)} ({dollars_text(credits(nano) * lot.unit_price_usd)} at the price paid)"


def _refund(lot: Lot, data: dict[str, Any], request: HttpRequest) -> str:
    return post_or_propose(
        ACTION,
        workspace=lot.workspace,
        nano=exact_nano(data["amount"]),
        values={
            "key": data["key"],
            "lot": lot.pk,
            "amount": str(data["amount"].normalize()),
            "reason": data["reason"],
        },
        summary=f"Refund {data['amount'].normalize():,f} {site().credit_name_plural} of {lot.label} of {lot.workspace}",
        reason=data["reason"],
        by=cast(User, request.user),
        request=request,
    )


def _refund_lot(workspace: Workspace, values: Values, hand: Hand) -> str:
    return refused(partial(_post, workspace, values, hand))


def _post(workspace: Workspace, values: Values, hand: Hand) -> str:
    with transaction.atomic():
        before = balance(workspace.pk)
        done = lot_refund(
            workspace_id=workspace.pk,
            lot_id=values["lot"],
            amount=exact_nano(Decimal(values["amount"])),
            key=f"admin:{values['key']}",
            reason=values["reason"],
            actor=hand.words,
        )
        if done.replay:
            return "That was done already; nothing was posted twice."
        hand.check(done.amount)
        label = Lot.objects.values_list("label", flat=True).get(pk=values["lot"])
        record(
            action="credits.refunded",
            actor=hand.user,
            workspace=workspace,
            target=f"{amount(done.amount)} {site().credit_name_plural} of lot {values['lot']}, {label}",
            before=as_it_was(before),
            after={
                "from_lot": str(credits(done.from_lot)),
                "spent": str(credits(done.spent)),
                "owed": str(credits(done.owed)),
                "balance": str(credits(done.balance)),
            },
            reason=values["reason"],
            request=hand.request,
        )
    return (
        f"{amount(done.amount)} refunded: {amount(done.from_lot)} were in the lot, {amount(done.spent)} were spent"
        f" already. {workspace} has {amount(done.balance)} and owes {amount(done.owed)}."
    )


ACTIONS[ACTION] = _refund_lot


extend(Lot, RefundAction)
