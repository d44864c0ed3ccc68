"""A payment presented by a client, from its bytes to credits.

Order: read and checked here, looked up in the journal, verified by the facilitator, written down and committed,
settled, credited. An authorization does not say whose credits it buys: who presents it first, gets them.
"""

from dataclasses import dataclass
from typing import Literal

from accounts.models import Workspace
from billing.credits import clock
from billing.packs.x402 import chain, facilitator
from billing.packs.x402.errors import AlreadyUsed, NoAnswer, NotAccepted
from billing.packs.x402.journal import claim, payment_of, payment_under, take_over
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.orders import Order
from billing.packs.x402.presented import Presented, presented
from billing.packs.x402.rails import rails
from billing.packs.x402.requirements import Ask
from billing.packs.x402.settling import payment_settle

State = CryptoPayment.State


@dataclass(frozen=True)
class Paid:
    """What became of it. "replay": it was paid before, under the same name or with the same bytes."""

    payment: CryptoPayment
    how: Literal["now", "replay"]


def paid_before(workspace: Workspace, key: str) -> CryptoPayment | None:
    """What was paid under an Idempotency-Key; asked before a payment is asked for, because a client that lost the
    answer would sign another one. One whose worker died goes on here.
    """
    payment = payment_under(workspace, key)
    if payment is not None and payment.state == State.SETTLING and take_over(payment, failed_too=False):
        payment = payment_settle(payment)
    return payment


def pay(*, workspace: Workspace, order: Order, ask: Ask, header: str, key: str, label: str) -> Paid:
    """Take the payment in `header`. Not to be called within a transaction: it waits for the network.

    Raises Malformed, NotAccepted (nothing was taken; another payment may be asked for), AlreadyUsed, NoAnswer (nothing
    was taken; the same bytes may be sent again).
    """
    found = presented(header, rails(), ask, now=int(clock.now().timestamp()))
    known = payment_of(found)
    if known is None:
        from_block = chain.height(found.rail)
        _verify(found, from_block)
    else:
        from_block = known.from_block
    payment, mine = claim(workspace, order, found, key=key, label=label, from_block=from_block)
    if mine:
        payment = payment_settle(payment)
    elif payment.workspace_id != workspace.pk or payment.digest != found.digest:
        if key and payment.workspace_id == workspace.pk and payment.idempotency_key == key:
            return Paid(payment, "replay")  # another signature under the same name was faster: this one is not taken
        raise AlreadyUsed
    elif payment.state == State.FAILED:
        raise NotAccepted("authorization_failed", "This authorization failed before. Sign another one.")
    elif payment.state == State.CREDITED and not (key and payment.idempotency_key == key):
        raise AlreadyUsed
    return Paid(payment, "now" if mine else "replay")


def _verify(found: Presented, from_block: int) -> None:
    """Signature, balance, nonce, simulation. A spent authorization that we do not know is never credited: once it is
    on the network everybody can read it.
    """
    said = facilitator.verify(found.payload, found.requirements)
    if said.is_valid and (not said.payer or said.payer.lower() == found.payer):
        return
    if "nonce_already_used" in (said.invalid_reason or "") or _is_spent(found, from_block):
        raise AlreadyUsed
    if said.is_valid:
        raise NotAccepted("payer_mismatch", "The facilitator names another payer.")
    raise NotAccepted((said.invalid_reason or "invalid_payment")[:200])


def _is_spent(found: Presented, from_block: int) -> bool:
    """Facilitators of version 1 call a spent nonce a failed simulation."""
    try:
        shown = chain.look(
            found.rail, payer=found.payer, nonce=found.nonce, units=found.units, from_block=from_block - chain.SPAN // 2
        )
    except NoAnswer:
        return False
    return shown.what != "unused"
