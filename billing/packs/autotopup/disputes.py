"""A disputed payment ends the agreement: who says that a charge was not theirs is not charged again without asking."""

from billing.invoices.money import money_text
from billing.packs.autotopup import notices
from billing.packs.autotopup.models import AutoTopUp
from billing.packs.autotopup.settings import locked, switch_off
from billing.packs.models import MoneyBack


def payment_was_disputed(back: MoneyBack) -> bool:
    """End the automatic top-ups of its workspace, whichever payment it is; whether there were any. A charge whose
    answer is still to come is not asked for again. Under the wallet's lock, in the transaction that takes it in.
    """
    purchase = back.purchase
    if not AutoTopUp.objects.filter(pk=purchase.workspace_id, consent__isnull=False).exists():
        return False
    with locked(purchase.workspace) as row:
        if row.consent is None:
            return False
        amount = money_text(back.amount, purchase.currency)
        switch_off(row, f"A payment of {amount} ({purchase.name}) is disputed with the bank.")
        notices.tell_disputed(row, back)
    return True
