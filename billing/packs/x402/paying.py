"""A payment presented by a client, from its bytes to credits.

Order: read and checked here, looked up in the journal, verified by the facilitator, written down and committed,
settled, credited. An authorization does not say whose credits it buys: who presents it first, gets them.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from django.db import transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.packs import emails
from billing.packs.x402 import chain, facilitator
from billing.packs.x402.chain import Shown
from billing.packs.x402.errors import AlreadyUsed, NoAnswer, NotAccepted
from billing.packs.x402.journal import claim, of_the_same, payment_of, payment_under, take_over
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.orders import Asked, Order
from billing.packs.x402.presented import Presented, presented
from billing.packs.x402.rails import rails
from billing.packs.x402.requirements import Ask
from billing.packs.x402.settling import payment_settle

State = CryptoPayment.State
MOST, TURN = 2, 3.0  # of a process's threads that may wait for the network, and seconds to wait for a turn
_turns = threading.BoundedSemaphore(MOST)


@dataclass(frozen=True)
class Paid:
    """What became of it. "replay": it was paid before, under the same name or with the same bytes."""

    payment: CryptoPayment
    how: Literal["now", "replay"]


def paid_before(workspace: Workspace, asked: Asked, key: str) -> CryptoPayment | None:
    """What was paid under an Idempotency-Key; asked before a payment is asked for, because a client that lost the
    answer would sign another one. One whose worker died goes on here. Raises OtherOrder, NoAnswer.
    """
    payment = payment_under(workspace, key)
    if payment is None:
        return None
    of_the_same(payment, asked)
    if payment.state == State.SETTLING and payment.leased_until < clock.now():
        with _turn():  # before it is taken over: nobody else goes on with it after that
            if take_over(payment):
                payment = payment_settle(payment)
    return payment


def pay(*, workspace: Workspace, order: Order, ask: Ask, header: str, key: str, label: str) -> Paid:
    """Take the payment in `header`. Not to be called within a transaction: it waits for the network.

    Raises Malformed, NotAccepted (nothing was taken; another payment may be asked for), AlreadyUsed, OtherOrder,
    NoAnswer (the same bytes may be sent again).
    """
    found = presented(header, rails(), ask, now=int(clock.now().timestamp()))
    known = payment_of(found)
    with _turn():
        from_block = known.from_block if known else _verified(workspace, order, found, label)
        payment, mine = claim(workspace, order, found, key=key, label=label, from_block=from_block)
        if mine:
            return Paid(payment_settle(payment), "now")
    if payment.workspace_id != workspace.pk or payment.digest != found.digest:
        if key and payment.workspace_id == workspace.pk and payment.idempotency_key == key:
            of_the_same(payment, order.asked)
            return Paid(payment, "replay")  # another signature under the same name was faster: this one is not taken
        raise AlreadyUsed
    if payment.state == State.FAILED:
        raise NotAccepted("authorization_failed", "This authorization failed before. Sign another one.")
    if payment.state in (State.CREDITED, State.CLOSED) and not (key and payment.idempotency_key == key):
        raise AlreadyUsed
    return Paid(payment, "replay")


@contextmanager
def _turn() -> Iterator[None]:
    """The other threads of this process go on answering usage. Raises NoAnswer where all turns are taken."""
    if not _turns.acquire(timeout=TURN):
        raise NoAnswer("others are waiting already")
    try:
        yield
    finally:
        _turns.release()


def _verified(workspace: Workspace, order: Order, found: Presented, label: str) -> int:
    """The block at which the payment was presented and found good. Raises AlreadyUsed, NotAccepted, NoAnswer."""
    from_block = chain.height(found.rail)
    spent = _verify(found, from_block)
    if spent is None:
        return from_block
    if spent.what == "paid":
        _for_review(workspace, order, found, spent, label, from_block)
    raise AlreadyUsed


def _verify(found: Presented, from_block: int) -> Shown | None:
    """Signature, balance, nonce, simulation. What the network shows of one that is spent, else None. Raises
    NotAccepted, NoAnswer.
    """
    said = facilitator.verify(found.payload, found.requirements)
    # Facilitators of version 1 call a spent nonce a failed simulation, and some find good what they have settled.
    first = from_block - chain.SPAN // 2
    shown = chain.look(found.rail, payer=found.payer, nonce=found.nonce, units=found.units, from_block=first)
    if shown.what != "unused":
        return shown
    if not said.is_valid:
        raise NotAccepted((said.invalid_reason or "invalid_payment")[:200])
    if said.payer and said.payer.lower() != found.payer:
        raise NotAccepted("payer_mismatch", "The facilitator names another payer.")
    return None


def _for_review(
    workspace: Workspace, order: Order, found: Presented, spent: Shown, label: str, from_block: int
) -> None:
    """Money that is here, and nobody's yet: once it is on the network everybody can read the authorization, so it is
    never credited to who presents it, but shown to staff.
    """
    with transaction.atomic():
        payment, made = claim(
            workspace, order, found, key="", label=label, from_block=from_block, spent_in=spent.transaction
        )
        if made and payment.state == State.REVIEW:
            emails.tell_operators_of_crypto(payment, payment.problem)
