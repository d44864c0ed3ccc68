"""Answers about topping up in USDC over x402: what to pay, and what became of it."""

from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from x402.http.utils import encode_payment_response_header
from x402.schemas import SettleResponse

from accounts.models import ApiKey, Workspace
from billing.api import documents
from billing.api.autotopup import cents_of
from billing.api.idempotency import REPLAY
from billing.api.present import amount
from billing.api.problems import Problem, invalid
from billing.api.refusals import problems
from billing.api.schemas.topup import TopUpBody
from billing.credits.format import credits_text
from billing.foundation.site.selectors import site
from billing.ledger.selectors import balance
from billing.packs.x402 import requirements as protocol
from billing.packs.x402.errors import AlreadyUsed, AmountRefused, Malformed, NoAnswer, NotAccepted, OtherOrder
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.orders import Asked, Order, of_amount, of_pack
from billing.packs.x402.paying import paid_before, pay
from billing.packs.x402.rails import rail_of, rails

PATH = "/api/v1/credits/topup"
EXPOSED = ", ".join((protocol.REQUIRED, protocol.RECEIPT_V2, protocol.RECEIPT_V1))
State = CryptoPayment.State
NOT_CREDITED = (State.FAILED, State.CLOSED)


class Answer(NamedTuple):
    document: dict[str, Any]
    status: int
    headers: dict[str, str]


def top_up(*, workspace: Workspace, key: ApiKey, raw: object, idempotency_key: str, request: HttpRequest) -> Answer:
    """Raises Problem 400, 402 (with what to pay), 404 or 409, and 503 when the facilitator or the node is silent."""
    asked = _asked(documents.read(raw, TopUpBody))
    name = f"{key.kind}:{idempotency_key}" if idempotency_key else ""
    try:
        # First of all: what was paid is told also where the pack has changed since, or nothing is sold any more.
        before = paid_before(workspace, asked, name)
        if before is not None and before.state not in NOT_CREDITED:
            return _told(before, replay=True)
        if not rails():
            raise Problem("not_found", "Top-ups in USDC are not set up here.")
        order = _order(workspace, asked)
        ask = protocol.Ask(order.units, settings.SITE_URL + PATH, _description(order))
        if before is not None:
            return _outcome(before, ask, replay=True)
        header = request.headers.get(protocol.HEADER_V2) or request.headers.get(protocol.HEADER_V1)
        if not header:
            raise _demand(ask, f"{protocol.HEADER_V2} or {protocol.HEADER_V1} header is required")
        label = f"{key.kind} key {key.prefix}…"
        paid = pay(workspace=workspace, order=order, ask=ask, header=header, key=name, label=label)
    except Malformed as error:
        raise Problem("invalid_request", str(error)) from error
    except NotAccepted as error:
        raise _demand(ask, error.code, str(error)) from error
    except OtherOrder as error:
        raise Problem(
            "idempotency_conflict", "This was used before for another top-up. Nothing was done by this request."
        ) from error
    except AlreadyUsed as error:
        raise Problem(
            "payment_used",
            "This payment was used before. Nothing was credited by this request. Do not pay again for it.",
        ) from error
    except NoAnswer as error:
        raise Problem(
            "unavailable",
            "The payment network does not answer at the moment. Send the same payment again: it counts once.",
            headers={"Retry-After": "5"},
        ) from error
    return _outcome(paid.payment, ask, replay=paid.how == "replay")


def _outcome(payment: CryptoPayment, ask: protocol.Ask, *, replay: bool) -> Answer:
    if payment.state in NOT_CREDITED:
        raise _demand(ask, payment.problem or "settle_failed", headers=_receipt(payment))
    return _told(payment, replay=replay)


def _asked(body: TopUpBody) -> Asked:
    if (body.pack_id is None) == (body.amount_usd is None):
        raise invalid("Give packId or amount_usd.", pointer="/amount_usd")
    if body.pack_id is not None:
        return Asked(pack=body.pack_id)
    with problems():
        return Asked(cents=cents_of(body.amount_usd, "/amount_usd", most=settings.X402_MOST_USD * 100))


def _order(workspace: Workspace, asked: Asked) -> Order:
    try:
        return of_pack(workspace, asked.pack) if asked.pack else of_amount(asked.cents)
    except AmountRefused as error:
        raise invalid(str(error), pointer="/packId" if asked.pack else "/amount_usd") from error


def _description(order: Order) -> str:
    return f"{credits_text(order.total_credits)} {site().credit_name_plural}"


def _demand(ask: protocol.Ask, error: str, detail: str = "", headers: dict[str, str] | None = None) -> Problem:
    """402 in both generations of the protocol at once."""
    body, header = protocol.required(rails(), ask, error)
    return Problem(
        "payment_required",
        detail or f"Pay for {ask.description} as `accepts` says, and repeat the request with the payment.",
        headers={protocol.REQUIRED: header, "Access-Control-Expose-Headers": EXPOSED, **(headers or {})},
        members=body,
    )


def _told(payment: CryptoPayment, *, replay: bool) -> Answer:
    now = balance(payment.workspace_id)
    document = {
        "id": payment.public_id,
        "state": payment.state,
        **amount("credits", payment.total_credits),
        "amount_usd": Decimal(payment.amount) / 100,
        "network": payment.network,
        "payer": payment.payer,
        "transaction": payment.transaction,
        "invoice": payment.document.number if payment.document else None,
        **amount("balance", now.available),
    }
    headers = {**_receipt(payment), "Access-Control-Expose-Headers": EXPOSED}
    if replay:
        headers |= REPLAY
    if payment.state == State.CREDITED:
        return Answer(document, 200, headers)
    return Answer(document, 202, headers | {"Retry-After": "5"})


def _receipt(payment: CryptoPayment) -> dict[str, str]:
    rail, credited = rail_of(payment.network), payment.state == State.CREDITED
    first = payment.version == 1
    said = SettleResponse(
        success=credited,
        transaction=payment.transaction,
        payer=payment.payer,
        amount=str(payment.units),
        network=rail.key if rail and first else payment.network,
        error_reason=None if credited else payment.problem or payment.state,
    )
    return {protocol.RECEIPT_V1 if first else protocol.RECEIPT_V2: encode_payment_response_header(said)}
