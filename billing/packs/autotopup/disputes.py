"""A disputed payment ends the agreement: who says that a charge was not theirs is not charged again without asking."""

from accounts.models import Workspace
from billing.invoices.money import money_text
from billing.packs.autotopup import notices
from billing.packs.autotopup.models import AutoTopUp
from billing.packs.autotopup.settings import locked, switch_off


def payment_was_disputed(*, workspace: Workspace, amount: int, currency: str, what: str, dispute: str) -> bool:
    """End the automatic top-ups of its workspace, whichever payment it is; whether there were any. A charge whose
    answer is still to come is not asked for again. In the transaction that takes the dispute in. `amount`: minor units;
    `dispute`: as Stripe calls it.
    """
    if not AutoTopUp.objects.filter(pk=workspace.pk, consent__isnull=False).exists():
        return False
    with locked(workspace) as row:
        if row.consent is None:
            return False
        switch_off(row, f"A payment of {money_text(amount, currency)} ({what}) is disputed with the bank.")
        notices.tell_disputed(row, dispute)
    return True
