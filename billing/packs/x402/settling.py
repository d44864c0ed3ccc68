"""From claimed to credited. No transaction spans a call to the network; each step can be done again after any crash."""

import logging
import time
from datetime import timedelta
from typing import Any

from django.db import transaction
from x402.schemas import PaymentPayload, PaymentRequirements
from x402.schemas.v1 import PaymentPayloadV1, PaymentRequirementsV1

from billing.credits import clock
from billing.foundation.audit.services import record
from billing.invoices.issue import invoice_issue
from billing.invoices.models import Document
from billing.invoices.money import LineInput, Tax, major, money_text, tax_on
from billing.invoices.writing import Payment
from billing.ledger.models import Wallet
from billing.ledger.services import credits_grant, cut
from billing.packs import emails
from billing.packs.shares import unit_price
from billing.packs.x402 import chain, facilitator
from billing.packs.x402.chain import Shown
from billing.packs.x402.deciding import decide
from billing.packs.x402.errors import NoAnswer
from billing.packs.x402.facilitator import Settled
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.rails import Rail, rail_of

log = logging.getLogger(__name__)
State = CryptoPayment.State
NAMESPACE = "packs"
LOOKS, PAUSE = 6, 0.5  # a node may be a few blocks behind the one that the facilitator uses
AFTERWARDS = timedelta(minutes=10)  # blocks that a node may still be behind when an authorization's time is over


def payment_settle(payment: CryptoPayment) -> CryptoPayment:
    """Drive a payment that this process has claimed to an end; where the end is not known yet it stays on its way, and
    the sweep goes on with it. Not to be called within a transaction.
    """
    rail = rail_of(payment.network)
    if rail is None or rail.asset.lower() != payment.asset or rail.pay_to.lower() != payment.pay_to:
        return _end(payment, State.REVIEW, "The operator does not take this network, token or address any more.")
    tried_before = payment.attempts > 1
    over = clock.now() > payment.valid_before + AFTERWARDS
    settled: Settled | None = None
    shown = _look(rail, payment) if tried_before else Shown("unused")
    if shown is not None and shown.what == "unused" and not over:
        settled = facilitator.settle(*_exchanged(payment))
        shown = _look_until_there(rail, payment, settled)
    if settled is not None and settled.outcome == "done":
        payment.transaction = settled.transaction or payment.transaction
    following, why = decide(settled, shown, tried_before=tried_before, said_done=bool(payment.transaction), over=over)
    if following == "credit":
        assert shown is not None  # noqa: S101 - decided by it
        return payment_credit(payment.pk, shown.transaction)
    if following == "wait":
        waits = CryptoPayment.objects.filter(pk=payment.pk, state=State.SETTLING)
        waits.update(problem=cut(why, 300), transaction=payment.transaction)
        payment.refresh_from_db()
        return payment
    return _end(payment, State.FAILED if following == "fail" else State.REVIEW, why, shown)


def payment_credit(pk: int, transaction_hash: str, *, by: str = "", why: str = "") -> CryptoPayment:
    """Credit it, issue its invoice and mark it, in one transaction: wallet, payment, document, number. Once."""
    with transaction.atomic():
        workspace_id = CryptoPayment.objects.values_list("workspace_id", flat=True).get(pk=pk)
        Wallet.objects.select_for_update(no_key=True).filter(pk=workspace_id).first()
        rows = CryptoPayment.objects.select_for_update(of=("self",), no_key=True).select_related("workspace")
        payment = rows.get(pk=pk)
        if payment.state == State.CREDITED:
            return payment
        now = clock.now()
        bought = _grant(payment, "", payment.credits, now)
        payment.lot_id = bought.lot_id
        if payment.bonus_credits:
            payment.bonus_lot_id = _grant(payment, "bonus", payment.bonus_credits, now).lot_id
        payment.state, payment.transaction, payment.credited_at = State.CREDITED, transaction_hash, now
        payment.problem, payment.decided_by, payment.decided_why = "", by[:200], why[:500]
        record(
            action="crypto_payment.credited",
            actor=by or "system",
            workspace=payment.workspace,
            target=f"{payment.name}, {money_text(payment.amount, 'usd')}",
            after={"payment": payment.public_id, "transaction": transaction_hash},
            reason=why,
        )
        payment.document = _invoice(payment)  # last: it draws a number
        payment.save()
    return payment


def _look(rail: Rail, payment: CryptoPayment) -> Shown | None:
    try:
        return chain.look(
            rail, payer=payment.payer, nonce=payment.nonce, units=payment.units, from_block=payment.from_block
        )
    except NoAnswer as error:
        log.warning("payment %s: %s", payment.public_id, error)
        return None


def _look_until_there(rail: Rail, payment: CryptoPayment, settled: Settled) -> Shown | None:
    """After a settlement that is said to be done, the transfer is there within a moment."""
    for _ in range(LOOKS if settled.outcome == "done" else 1):
        shown = _look(rail, payment)
        if shown is not None and shown.what != "unused":
            break
        time.sleep(PAUSE if settled.outcome == "done" else 0)
    return shown


def _exchanged(payment: CryptoPayment) -> tuple[Any, Any]:
    """What was presented, and what it was presented for: the same bytes as the first time."""
    if payment.version == 1:
        return (
            PaymentPayloadV1.model_validate(payment.payload),
            PaymentRequirementsV1.model_validate(payment.requirements),
        )
    return PaymentPayload.model_validate(payment.payload), PaymentRequirements.model_validate(payment.requirements)


def _end(payment: CryptoPayment, state: str, why: str, shown: Shown | None = None) -> CryptoPayment:
    """Without credits. A failed try gives its Idempotency-Key free; what needs a decision goes to people."""
    changes: dict[str, Any] = {"state": state, "problem": cut(why, 300)}
    if state == State.FAILED:
        changes["idempotency_key"] = ""
    elif shown is not None and shown.transaction:
        changes["transaction"] = shown.transaction
    ended = CryptoPayment.objects.filter(pk=payment.pk, state=State.SETTLING).update(**changes)
    payment.refresh_from_db()
    if ended and state == State.REVIEW:
        emails.tell_operators_of_crypto(payment, why)
    return payment


def _grant(payment: CryptoPayment, part: str, amount: int, now: Any) -> Any:
    paid_for = not part
    net = payment.amount - tax_on(payment.amount, _tax(payment))
    return credits_grant(
        workspace_id=payment.workspace_id,
        namespace=NAMESPACE,
        key=grant_key(payment, part),
        amount=amount,
        source="bought" if paid_for else "promotion",
        kind="grant.pack" if paid_for else "grant.promotion",
        label=payment.name if paid_for else f"{payment.name}: bonus",
        expires_at=now + timedelta(days=payment.validity_days) if payment.validity_days else None,
        unit_price_usd=unit_price(major(net, "usd"), payment.credits) if paid_for else None,
        actor=payment.buyer_label,
        reason=f"payment {payment.public_id}",
    )


def grant_key(payment: CryptoPayment, part: str = "") -> str:
    return f"crypto:{payment.public_id}" + (f":{part}" if part else "")


def _tax(payment: CryptoPayment) -> Tax:
    """Prices include the tax."""
    return Tax(payment.tax_name, payment.tax_percent, included=True)


def _invoice(payment: CryptoPayment) -> Document:
    assert payment.credited_at is not None  # noqa: S101 - set by who calls
    lines = [LineInput(payment.name, payment.amount, credits=payment.credits)]
    if payment.bonus_credits:
        lines.append(LineInput(f"{payment.name}: bonus", 0, credits=payment.bonus_credits))
    return invoice_issue(
        key=grant_key(payment),
        workspace=payment.workspace,
        purpose=Document.Purpose.PACK,
        lines=lines,
        tax=_tax(payment),
        paid=Payment(payment.credited_at, "USDC", payment.transaction),
    ).document
