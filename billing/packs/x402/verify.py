"""Part of verify_ledger: payments in USDC, their credits and their invoices agree, in both directions."""

from django.db.models import F, Sum

from billing.ledger.models import Transfer
from billing.ledger.records import Problem
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.settling import GRANTS, NAMESPACE, grant_key


def verify_crypto(workspace_id: int) -> list[Problem]:
    """Each credited payment has its grants, once and whole, and an invoice over its amount; no other has any."""
    credited = CryptoPayment.objects.filter(workspace=workspace_id, state=CryptoPayment.State.CREDITED)
    promised = {grant_key(each): each.credits for each in credited}
    promised |= {grant_key(each, "bonus"): each.bonus_credits for each in credited if each.bonus_credits}
    granted = _granted(workspace_id)
    wrong = [
        f"{key} is {granted.get(key, 0)} nano-credits in the ledger, {promised.get(key, 0)} by its payment"
        for key in sorted(promised.keys() | granted.keys())
        if granted.get(key, 0) != promised.get(key, 0)
    ]
    others = credited.exclude(document__total=F("amount"), document__currency="usd")
    wrong += [f"{each.public_id} has an invoice over another amount" for each in others]
    return [Problem(workspace_id, "crypto payment", what) for what in wrong]


def _granted(workspace_id: int) -> dict[str, int]:
    """Nano-credits that came in, by the key of the operation."""
    rows = Transfer.objects.filter(
        workspace=workspace_id,
        kind__startswith="grant.",
        operation__namespace=NAMESPACE,
        operation__key__startswith=GRANTS,
    )
    summed = rows.values("operation__key").annotate(nano=Sum("amount"))
    return {row["operation__key"]: int(row["nano"]) for row in summed}
