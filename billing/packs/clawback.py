"""The credits of money that went back: taken out of the purchase's own lots, in their shares, and given back.

Sums are what is rounded, never single refunds: all that is away, of all refunds and disputes together, decides what
each lot must have given up. Locks (wallet, purchase) are the caller's.
"""

from dataclasses import dataclass

from billing.invoices.money import money_text
from billing.ledger.correction_services import lot_refund, operation_reverse
from billing.ledger.selectors import operation, refundable
from billing.ledger.services import wallet_settle
from billing.ledger.takenback import reversed_before
from billing.packs.fulfilment import NAMESPACE, lots_of
from billing.packs.models import MoneyBack, Purchase
from billing.packs.shares import share


@dataclass(frozen=True)
class Part:
    """What a refund does to one lot. Nano-credits."""

    lot_id: int
    part: str
    takes: int
    from_lot: int

    @property
    def spent(self) -> int:
        return self.takes - self.from_lot


def refund_parts(purchase: Purchase, amount: int) -> list[Part]:
    """What taking back `amount` more would do to each lot, as things stand."""
    out = sum(back.amount for back in purchase.money_back.filter(credits_are_out=True)) + amount
    return [part for part in _parts(purchase, min(out, purchase.amount)) if part.takes]


def _parts(purchase: Purchase, out: int) -> list[Part]:
    """What is missing for each lot to have given up its share of `out` minor units. What expired is gone already: it
    is not taken a second time, as debt.
    """
    found = []
    for part, lot_id, nano in lots_of(purchase):
        state = refundable(purchase.workspace_id, lot_id)
        assert state is not None  # noqa: S101 - lots are never deleted
        takes = max(share(nano, out, purchase.amount) - state.taken_back - state.expired, 0)
        found.append(Part(lot_id, part, takes, min(takes, state.unspent)))
    return found


def take(purchase: Purchase, back: MoneyBack) -> None:
    """Take what is missing for all the money that is away, with that of `back`."""
    others = purchase.money_back.filter(credits_are_out=True).exclude(pk=back.pk)
    out = min(sum(other.amount for other in others) + back.amount, purchase.amount)
    back.rounds += 1
    wallet_settle(workspace_id=purchase.workspace_id)  # what has expired is posted
    for part in _parts(purchase, out):
        if not part.takes:
            continue
        key = f"{back.public_id}:{back.rounds}:{part.lot_id}"
        lot_refund(
            workspace_id=purchase.workspace_id,
            lot_id=part.lot_id,
            amount=part.takes,
            key=key,
            namespace=NAMESPACE,
            reason=words(purchase, back),
            actor=back.actor,
        )
        done = operation(purchase.workspace_id, NAMESPACE, key)
        assert done is not None  # noqa: S101 - posted a line above
        back.taken.append(done.pk)
        back.taken_credits += part.takes
    back.credits_are_out = True


def give_back(purchase: Purchase, back: MoneyBack) -> None:
    for operation_id in reversed(back.taken):
        if reversed_before(purchase.workspace_id, operation_id):
            continue  # by hand, in the admin
        operation_reverse(
            workspace_id=purchase.workspace_id,
            operation_id=operation_id,
            key=f"{back.public_id}:{operation_id}:back",
            namespace=NAMESPACE,
            reason=f"{words(purchase, back)}: the money came back",
            actor=back.actor,
        )
    back.taken, back.taken_credits, back.credits_are_out = [], 0, False


def take_what_is_missing(purchase: Purchase, back: MoneyBack) -> None:
    """More may be away than was paid (a refund, and then all of it disputed). Of what is given back, the other one
    takes its part.
    """
    other = purchase.money_back.filter(credits_are_out=True).exclude(pk=back.pk).order_by("pk").last()
    if other is not None:
        take(purchase, other)
        other.save()


def words(purchase: Purchase, back: MoneyBack) -> str:
    what = "Refund" if back.kind == MoneyBack.Kind.REFUND else "Disputed payment"
    return f"{what} of {money_text(back.amount, purchase.currency)} for {purchase.name}"
