"""Payments: on-session ones may ask for 3-D Secure, off-session ones are then refused."""

from typing import Any

from portal.standin.cards import TestCard
from portal.standin.errors import CardError, Json, invalid, not_simulated
from portal.standin.money import amount_of, check_amount, currency_of
from portal.standin.params import automatic_methods, integer, merged_metadata, truth
from portal.standin.resources.charges import new_charge
from portal.standin.resources.disputes import open_dispute
from portal.standin.resources.payment_methods import attach, card_behind, new_method, resolve
from portal.standin.routes import readable, route
from portal.standin.world import World, new_id, pictured

CONFIRMABLE = {"requires_payment_method", "requires_confirmation", "requires_action"}
OPEN = CONFIRMABLE | {"requires_capture", "processing"}
NEEDS_AUTHENTICATION = "Your card was declined. This transaction requires authentication."
NOT_AUTHENTICATED = (
    "We are unable to authenticate your payment method. Please choose a different payment method and try again."
)


def new_intent(world: World, amount: int, currency: str, *, customer: str | None, params: Json | None = None) -> Json:
    """Raises amount_too_small, and refuses what is not simulated."""
    given = params or {}
    check_amount(amount, currency)
    if given.get("capture_method") == "manual":
        raise not_simulated("capturing later", "capture_method")
    if customer is not None:
        world.get("customer", customer, "customer")
    method = resolve(world, given["payment_method"])["id"] if given.get("payment_method") else None
    intent = world.create(
        "payment_intent",
        "pi_",
        metadata=given.get("metadata"),
        amount=amount,
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        application=None,
        application_fee_amount=None,
        automatic_payment_methods=automatic_methods(given),
        canceled_at=None,
        cancellation_reason=None,
        capture_method="automatic_async",
        confirmation_method="automatic",
        currency=currency,
        customer=customer,
        description=given.get("description") or None,
        last_payment_error=None,
        latest_charge=None,
        next_action=None,
        on_behalf_of=None,
        payment_method=method,
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        processing=None,
        receipt_email=given.get("receipt_email") or None,
        review=None,
        setup_future_usage=given.get("setup_future_usage") or None,
        shipping=given.get("shipping") or None,
        source=None,
        statement_descriptor=given.get("statement_descriptor") or None,
        statement_descriptor_suffix=given.get("statement_descriptor_suffix") or None,
        status="requires_confirmation" if method else "requires_payment_method",
        transfer_data=None,
        transfer_group=None,
    )
    intent["client_secret"] = f"{intent['id']}_secret_{new_id('')}"
    return world.emit("payment_intent.created", intent)


def confirm(
    world: World, intent: Json, *, off_session: bool = False, authenticated: bool = False, return_url: str | None = None
) -> Json:
    """Try to take the money. Raises CardError when the bank says no; the intent then waits for another card."""
    if intent["status"] not in CONFIRMABLE:
        raise _unexpected(intent, "confirm")
    if intent["payment_method"] is None:
        raise invalid("You cannot confirm this PaymentIntent because it's missing a payment method.", "payment_method")
    method = resolve(world, intent["payment_method"])
    _check_owner(intent, method)
    card = card_behind(world, method)
    if _asks(world, card, method) and not authenticated:
        if off_session:
            raise _refuse(
                world, intent, method, "authentication_required", "authentication_required", NEEDS_AUTHENTICATION
            )
        intent["status"] = "requires_action"
        intent["next_action"] = {
            "type": "redirect_to_url",
            "redirect_to_url": {"url": world.page("authentication", intent["id"]), "return_url": return_url},
        }
        return world.emit("payment_intent.requires_action", intent)
    if card.code:
        refusal = card.declined()
        charge = new_charge(
            world, intent, method, code=card.code, decline=card.decline, message=refusal.error["message"]
        )
        raise _refuse(world, intent, method, card.code, card.decline, refusal.error["message"], charge=charge["id"])
    charge = new_charge(world, intent, method)
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "next_action": None,
        "last_payment_error": None,
        "payment_method": method["id"],
    }
    if intent["setup_future_usage"] and intent["customer"]:
        attach(world, method, intent["customer"])
        if authenticated:
            world.private(method["id"])["set_up"] = True
    world.emit("payment_intent.succeeded", intent)
    if card.dispute:
        open_dispute(world, charge, reason=card.dispute)
    return intent


def _check_owner(intent: Json, method: Json) -> None:
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        raise invalid(
            "The provided PaymentMethod cannot be attached. To reuse a PaymentMethod, you must attach it to a Customer"
            " first."
            if intent["customer"]
            else "This PaymentMethod belongs to a Customer. Please include the Customer.",
            "payment_method",
        )


def _asks(world: World, card: TestCard, method: Json) -> bool:
    """Whether the bank wants to see the cardholder."""
    if card.authentication == "setup":
        return not (method["customer"] and world.private(method["id"]).get("set_up"))
    return card.authentication == "always"


def _refuse(world: World, intent: Json, method: Json, code: str, decline: str, message: str, **more: Any) -> CardError:
    """The intent waits for another card, and the error says so."""
    reason = {"type": "card_error", "code": code, "decline_code": decline, "message": message} | more
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_payment_error": reason | {"payment_method": pictured(method)},
    }
    world.emit("payment_intent.payment_failed", intent)
    shown = {"payment_intent": pictured(intent), "payment_method": pictured(method)}
    return CardError(message, code=code, decline_code=decline, **more, **shown)


def authentication_failed(world: World, intent: Json) -> CardError:
    """The cardholder did not approve."""
    method = resolve(world, intent["payment_method"])
    error = _refuse(world, intent, method, "payment_intent_authentication_failure", "", NOT_AUTHENTICATED)
    error.error.pop("decline_code", None)
    intent["last_payment_error"] = {k: v for k, v in intent["last_payment_error"].items() if k != "decline_code"}
    intent["last_payment_error"]["type"] = "invalid_request_error"
    return error


def cancel(world: World, intent: Json, reason: str | None = None) -> Json:
    if intent["status"] not in OPEN:
        raise _unexpected(intent, "cancel")
    intent |= {
        "status": "canceled",
        "canceled_at": world.now(),
        "cancellation_reason": reason or None,
        "next_action": None,
    }
    return world.emit("payment_intent.canceled", intent)


def _unexpected(intent: Json, verb: str) -> Exception:
    error = invalid(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        None,
        "payment_intent_unexpected_state",
    )
    error.error["payment_intent"] = pictured(intent)
    return error


def _take_method(world: World, intent: Json, params: Json) -> None:
    """A card named in the request, by id or with its number."""
    if params.get("payment_method"):
        intent["payment_method"] = resolve(world, params["payment_method"])["id"]
    elif data := params.get("payment_method_data"):
        card = data.get("card") or {}
        month, year = integer(card, "exp_month", 12), integer(card, "exp_year", 2034)
        intent["payment_method"] = new_method(world, card.get("number") or "", month=month, year=year, params=data)[
            "id"
        ]
    if params.get("setup_future_usage"):
        intent["setup_future_usage"] = params["setup_future_usage"]


@route("POST", "payment_intents", "PaymentIntentCreateParams")
def create(world: World, params: Json) -> Json:
    currency = currency_of(params)
    amount = amount_of(params, currency)
    off_session = truth(params.get("off_session"))
    if off_session and not truth(params.get("confirm")):
        raise invalid("You can only use off_session when confirm is true.", "off_session")
    intent = new_intent(world, amount, currency, customer=params.get("customer") or None, params=params)
    _take_method(world, intent, {**params, "payment_method": intent["payment_method"]})
    if truth(params.get("confirm")):
        return confirm(world, intent, off_session=off_session, return_url=params.get("return_url"))
    return intent


@route("POST", "payment_intents/{id}", "PaymentIntentModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    intent = world.get("payment_intent", id)
    if "amount" in params:
        if intent["status"] not in CONFIRMABLE:
            raise _unexpected(intent, "update")
        intent["amount"] = amount_of(params, intent["currency"])
    for name in ("description", "receipt_email", "statement_descriptor_suffix", "setup_future_usage"):
        if name in params:
            intent[name] = params[name] or None
    if params.get("payment_method"):
        intent["payment_method"] = resolve(world, params["payment_method"])["id"]
        intent["status"] = "requires_confirmation"
    if "metadata" in params:
        intent["metadata"] = merged_metadata(intent["metadata"], params["metadata"])
    return intent


@route("POST", "payment_intents/{id}/confirm", "PaymentIntentConfirmParams")
def confirm_route(world: World, params: Json, id: str) -> Json:
    intent = world.get("payment_intent", id)
    if intent["status"] in CONFIRMABLE:
        _take_method(world, intent, params)
    return confirm(world, intent, off_session=truth(params.get("off_session")), return_url=params.get("return_url"))


@route("POST", "payment_intents/{id}/cancel", "PaymentIntentCancelParams")
def cancel_route(world: World, params: Json, id: str) -> Json:
    return cancel(world, world.get("payment_intent", id), params.get("cancellation_reason"))


readable("payment_intents", "payment_intent", "PaymentIntentListParams")
