"""From claimed to credited. No transaction spans a call to the network; each step can be done again after any crash."""

import logging
import time
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from x402.schemas import PaymentPayload, PaymentRequirements
from x402.schemas.v1 import PaymentPayloadV1, PaymentRequirementsV1

from accounts.models import User
from billing.credits import clock
from billing.credits.units import credits
from billing.foundation.audit.services import record
from billing.invoices.issue import invoice_issue
from billing.invoices.models import Document
from billing.invoices.money import LineInput, Tax, major, money_text, tax_on
from billing.invoices.writing import Payment
from billing.ledger.models import Wallet
from billing.ledger.services import credits_grant, cut
from billing.packs import emails, hooks
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
NAMESPACE, GRANTS = "packs", "crypto:"
LOOKS, PAUSE = 4, 0.5  # a node may be a few blocks behind the one that the facilitator uses
SOON = timedelta(seconds=10)
LAG = timedelta(seconds=60)  # the nodes behind one address are not all at the same block


def payment_settle(payment: CryptoPayment) -> CryptoPayment:
    """Drive a payment that this process has claimed to an end; where the end is not known yet it stays on its way, and
    the sweep goes on with it. Not to be called within a transaction.
    """
    rail = rail_of(payment.network)
    if rail is None or (rail.asset.lower(), rail.pay_to.lower()) != (payment.asset, payment.pay_to):
        return _wait(payment, "Its network, token or receiving address is not set up at present.")
    tried_before = payment.attempts > 1
    settled: Settled | None = None
    shown = _look(rail, payment) if tried_before else Shown("unused")
    if shown is not None and shown.what == "unused" and not _over(payment, shown):
        settled = facilitator.settle(*_exchanged(payment))
        if settled.outcome != "refused":
            payment.transaction = settled.transaction or payment.transaction
        shown = _look_until_there(rail, payment, settled)
    following, why = decide(
        settled,
        shown,
        tried_before=tried_before,
        said_done=bool(payment.transaction),
        over=shown is not None and _over(payment, shown),
    )
    if following == "credit":
        assert shown is not None  # noqa: S101 - decided by it
        return payment_credit(payment.pk, shown.transaction)
    if following == "wait":
        return _wait(payment, why, soon=settled is not None and settled.outcome == "done")
    return _end(payment, State.FAILED if following == "fail" else State.REVIEW, why, shown)


def _over(payment: CryptoPayment, shown: Shown) -> bool:
    """By the network's clock: what is in no block by then can be in none."""
    return shown.at > (payment.valid_before + LAG).timestamp()


def payment_credit(pk: int, transaction_hash: str) -> CryptoPayment:
    """Credit what the network shows to be paid, and mark it, in one transaction; once."""
    with transaction.atomic():
        payment = _locked_with_wallet(pk)
        if payment.state == State.SETTLING:
            _credit(payment, transaction_hash, actor="system")
    return payment


def payment_accept(pk: int, *, by: str, why: str, actor: User, request: HttpRequest | None) -> str:
    """Credit one that waited for a decision, once. `by` names everybody who stands for it. A sentence."""
    with transaction.atomic():
        payment = _locked_with_wallet(pk)
        if payment.state != State.REVIEW:
            return f"{payment.get_state_display()} before; nothing was posted twice."
        payment.decided_by, payment.decided_why = by[:200], why[:500]
        _credit(payment, payment.transaction, actor=actor, why=why, request=request)
    return f"{credits(payment.total_credits):,f} credited to {payment.workspace}, with an invoice."


def payment_give_up(pk: int, *, by: User, why: str, request: HttpRequest | None) -> str:
    """Close one that waited for a decision, without credits. A sentence."""
    with transaction.atomic():
        payment = _locked_with_wallet(pk)
        if payment.state != State.REVIEW:
            return f"{payment.get_state_display()} before; nothing was done twice."
        payment.state, payment.idempotency_key = State.CLOSED, ""
        payment.decided_by, payment.decided_why = by.email[:200], why[:500]
        payment.save(update_fields=["state", "idempotency_key", "decided_by", "decided_why"])
        record(
            action="crypto_payment.closed",
            actor=by,
            workspace=payment.workspace,
            target=f"{payment.name}, {money_text(payment.amount, 'usd')}",
            after={"payment": payment.public_id, "transaction": payment.transaction or None},
            reason=why,
            request=request,
        )
        _tell_failed(payment)
    return "Closed; nothing was credited."


def _credit(
    payment: CryptoPayment,
    transaction_hash: str,
    *,
    actor: User | str,
    why: str = "",
    request: HttpRequest | None = None,
) -> None:
    """Lots, audit entry, invoice and mark, under the locks of wallet and payment."""
    now = clock.now()
    payment.lot_id = _grant(payment, "", payment.credits, now).lot_id
    if payment.bonus_credits:
        payment.bonus_lot_id = _grant(payment, "bonus", payment.bonus_credits, now).lot_id
    payment.state, payment.transaction, payment.credited_at = State.CREDITED, transaction_hash, now
    payment.problem = ""
    record(
        action="crypto_payment.credited",
        actor=actor,
        workspace=payment.workspace,
        target=f"{payment.name}, {money_text(payment.amount, 'usd')}",
        after={"payment": payment.public_id, "transaction": transaction_hash},
        reason=why,
        request=request,
    )
    payment.document = _invoice(payment)  # last: it draws a number
    payment.save()
    for listener in hooks.crypto_credited:
        listener(payment)


def _locked_with_wallet(pk: int) -> CryptoPayment:
    workspace_id = CryptoPayment.objects.values_list("workspace_id", flat=True).get(pk=pk)
    Wallet.objects.select_for_update(no_key=True).filter(pk=workspace_id).first()
    rows = CryptoPayment.objects.select_for_update(of=("self",), no_key=True).select_related("workspace")
    return rows.get(pk=pk)


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
    shown = _look(rail, payment)
    for _ in range(LOOKS - 1 if settled.outcome == "done" else 0):
        if shown is not None and shown.what != "unused":
            break
        time.sleep(PAUSE)
        shown = _look(rail, payment)
    return shown


def _exchanged(payment: CryptoPayment) -> tuple[Any, Any]:
    """What was presented, and what it was presented for: the same bytes as the first time."""
    if payment.version == 1:
        return (
            PaymentPayloadV1.model_validate(payment.payload),
            PaymentRequirementsV1.model_validate(payment.requirements),
        )
    return PaymentPayload.model_validate(payment.payload), PaymentRequirements.model_validate(payment.requirements)


def _wait(payment: CryptoPayment, why: str, *, soon: bool = False) -> CryptoPayment:
    """`soon`: it is only a matter of a few blocks, so that whoever asks next may look again."""
    changes: dict[str, Any] = {"problem": cut(why, 300), "transaction": payment.transaction}
    if soon:
        changes["leased_until"] = clock.now() + SOON
    _mine(payment).update(**changes)
    payment.refresh_from_db()
    return payment


def _end(payment: CryptoPayment, state: str, why: str, shown: Shown | None) -> CryptoPayment:
    """Without credits. A failed try gives its Idempotency-Key free; what needs a decision goes to people."""
    changes: dict[str, Any] = {"state": state, "problem": cut(why, 300)}
    if state == State.FAILED:
        changes["idempotency_key"] = ""
    else:
        changes["transaction"] = (shown.transaction if shown else "") or payment.transaction
    with transaction.atomic():
        ended = _mine(payment).update(**changes)
        payment.refresh_from_db()
        if ended and state == State.REVIEW:
            emails.tell_operators_of_crypto(payment, why)
        elif ended:
            _tell_failed(payment)
    return payment


def _tell_failed(payment: CryptoPayment) -> None:
    for listener in hooks.crypto_failed:
        listener(payment)


def _mine(payment: CryptoPayment) -> QuerySet[CryptoPayment]:
    """The row, unless another process has taken it over since: then what this one found is too old to be written."""
    return CryptoPayment.objects.filter(pk=payment.pk, state=State.SETTLING, attempts=payment.attempts)


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
        actor=payment.decided_by or payment.buyer_label,
        reason=f"payment {payment.public_id}",
    )


def grant_key(payment: CryptoPayment, part: str = "") -> str:
    return f"{GRANTS}{payment.public_id}" + (f":{part}" if part else "")


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
