"""Payments in USDC that need a decision: money may be here, and it is not known to be this customer's."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action

from accounts.models import User, Workspace
from billing.foundation.adminforms import ReasonForm, action_page
from billing.foundation.desk.once import once
from billing.invoices.money import money_text
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.settling import payment_accept, payment_give_up
from portal.admin.extending import extend
from portal.admin.secondperson import ACTIONS, MAY_POST, Hand, Values, post_or_propose
from portal.admin.steps import Facts, amount, must_may_post, refused

ACTION = "crypto.accept"


class DecisionAction:
    """Mixed in front of the payments' admin."""

    actions_detail = ("accept", "give_up")

    def has_posting_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(MAY_POST)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        found: Sequence[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        waits = CryptoPayment.objects.filter(pk=object_id, state=CryptoPayment.State.REVIEW).exists()
        return found if waits else []

    @action(description="Credit it", url_path="accept", icon="check", permissions=["posting"])
    def accept(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; its POST credits."""
        payment = _found(request, object_id)
        return self._page(
            request,
            payment,
            title=f"Credit {payment.workspace}",
            intro="Look the transaction up first. Credit only money that is at the receiving address, and only to the"
            " customer who can show that the paying wallet is theirs: whoever reads the network could present it.",
            apply=lambda data: _accept(payment, data, request),
            button="Credit it",
        )

    @action(description="Do not credit", url_path="give-up", icon="close", permissions=["posting"])
    def give_up(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; its POST closes the case."""
        payment = _found(request, object_id)
        by = cast(User, request.user)
        return self._page(
            request,
            payment,
            title=f"Close a payment of {payment.workspace}",
            intro="Nothing is credited. The row is kept with who decided and why. Money that is here stays.",
            apply=lambda data: once(
                partial(payment_give_up, payment.pk, by=by, why=data["reason"], request=request),
                action="crypto.give_up",
                target=payment.public_id,
                by=by,
                data=data,
            ),
            button="Do not credit",
        )

    def _page(self, request: HttpRequest, payment: CryptoPayment, **how: Any) -> HttpResponse:
        return action_page(
            self,
            request,
            form=ReasonForm(request.POST or None),
            facts=[*_facts(payment), *_credited_for_the_same(payment)],
            back=reverse("admin:packs_cryptopayment_change", args=[payment.pk]),
            **how,
        )


def _found(request: HttpRequest, object_id: Any) -> CryptoPayment:
    must_may_post(request)
    if not request.user.has_perm("packs.view_cryptopayment"):
        raise PermissionDenied
    payment = CryptoPayment.objects.select_related("workspace").filter(pk=object_id).first()
    if payment is None:
        raise Http404
    return payment


def _facts(payment: CryptoPayment) -> Facts:
    return [
        ("Workspace", f"{payment.workspace} ({payment.workspace.public_id})"),
        ("Amount", money_text(payment.amount, "usd")),
        ("Brings", amount(payment.total_credits)),
        ("Why it waits", payment.problem),
        ("Paying wallet", f"{payment.payer} on {payment.network}"),
        ("Transaction", payment.transaction or "none"),
        *([("Kind", "Test money of the stand-in: no USDC arrived anywhere")] if payment.simulated else []),
    ]


def _credited_for_the_same(payment: CryptoPayment) -> Facts:
    """One transaction can hold several authorizations, and fewer transfers to us than that."""
    rows = CryptoPayment.objects.filter(
        network=payment.network, transaction=payment.transaction, state=CryptoPayment.State.CREDITED
    )
    return [
        (
            "Credited for this transaction before",
            f"{each.public_id}: {money_text(each.amount, 'usd')} from {each.payer}",
        )
        for each in rows[:5]
    ]


def _accept(payment: CryptoPayment, data: dict[str, Any], request: HttpRequest) -> str:
    return post_or_propose(
        ACTION,
        workspace=payment.workspace,
        nano=payment.total_credits,
        values={"key": data["key"], "payment": payment.pk, "reason": data["reason"]},
        summary=f"Credit a payment of {money_text(payment.amount, 'usd')} in USDC to {payment.workspace}"
        f" ({amount(payment.total_credits)})",
        reason=data["reason"],
        by=cast(User, request.user),
        request=request,
    )


def _post(workspace: Workspace, values: Values, hand: Hand) -> str:
    payment = CryptoPayment.objects.get(pk=values["payment"], workspace=workspace)
    if payment.state == CryptoPayment.State.CREDITED:
        return "That was credited already; nothing was posted twice."
    if payment.state != CryptoPayment.State.REVIEW or not payment.transaction:
        raise ValidationError("This payment does not wait for a decision, or has no transaction.")
    hand.check(payment.total_credits)
    return refused(
        partial(payment_accept, payment.pk, by=hand.words, why=values["reason"], actor=hand.user, request=hand.request)
    )


ACTIONS[ACTION] = _post

extend(CryptoPayment, DecisionAction)
