"""A purchase in words for its customer, with what went back of it. Reads `money_back` as it was fetched."""

from billing.packs.models import MoneyBack, Purchase

Status = Purchase.Status
Back = MoneyBack.Status
_REFUND = {Back.ASKED: "On its way", Back.OPEN: "On its way", Back.GONE: "Refunded", Back.BACK: "Sent back by the bank"}
_DISPUTE = {Back.OPEN: "Not decided yet", Back.GONE: "Decided for the cardholder", Back.BACK: "Payment stands"}


def back_state(back: MoneyBack) -> str:
    words = _REFUND if back.kind == MoneyBack.Kind.REFUND else _DISPUTE
    return words.get(Back(back.status), back.get_status_display())


def state(purchase: Purchase) -> str:
    """One word or two for the list and the receipt."""
    if purchase.status == Status.FULFILLED:
        backs = list(purchase.money_back.all())
        if any(back.kind == MoneyBack.Kind.DISPUTE and back.status == Back.OPEN for back in backs):
            return "Disputed"
        if gone := sum(back.amount for back in backs if back.status == Back.GONE):
            return "Refunded" if gone >= purchase.amount else "Partly refunded"
    if purchase.status == Status.OPEN and purchase.automatic and purchase.session_id is None:
        return "Pending"
    if purchase.status == Status.OPEN:
        return "Not paid" if purchase.returned_at is None else "Pending"
    return "Pending" if purchase.status == Status.PAID else str(purchase.get_status_display())


def credits_out(purchase: Purchase) -> int:
    """Nano-credits of it that are taken back at present."""
    return sum(back.taken_credits for back in purchase.money_back.all() if back.credits_are_out)
