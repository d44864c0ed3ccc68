"""Saving a card for later."""

from portal.standin.errors import CardError, Json, invalid
from portal.standin.params import automatic_methods, merged_metadata, truth
from portal.standin.resources.payment_intents import NOT_AUTHENTICATED
from portal.standin.resources.payment_methods import attach, card_behind, resolve
from portal.standin.routes import readable, route
from portal.standin.world import World, new_id, pictured

CONFIRMABLE = {"requires_payment_method", "requires_confirmation", "requires_action"}


def new_setup(world: World, params: Json) -> Json:
    if params.get("customer"):
        world.get("customer", params["customer"], "customer")
    method = resolve(world, params["payment_method"])["id"] if params.get("payment_method") else None
    intent = world.create(
        "setup_intent",
        "seti_",
        metadata=params.get("metadata"),
        application=None,
        automatic_payment_methods=automatic_methods(params),
        cancellation_reason=None,
        customer=params.get("customer") or None,
        description=params.get("description") or None,
        flow_directions=None,
        last_setup_error=None,
        latest_attempt=None,
        mandate=None,
        next_action=None,
        on_behalf_of=None,
        payment_method=method,
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        single_use_mandate=None,
        status="requires_confirmation" if method else "requires_payment_method",
        usage=params.get("usage") or "off_session",
    )
    intent["client_secret"] = f"{intent['id']}_secret_{new_id('')}"
    return world.emit("setup_intent.created", intent)


def confirm(world: World, intent: Json, *, authenticated: bool = False, return_url: str | None = None) -> Json:
    """Raises CardError when the card may not be saved."""
    if intent["status"] not in CONFIRMABLE or intent["payment_method"] is None:
        raise _unexpected(intent, "confirm")
    method = resolve(world, intent["payment_method"])
    if card_behind(world, method).authentication and not authenticated:
        intent["status"] = "requires_action"
        intent["next_action"] = {
            "type": "redirect_to_url",
            "redirect_to_url": {"url": world.page("authentication", intent["id"]), "return_url": return_url},
        }
        return world.emit("setup_intent.requires_action", intent)
    if intent["customer"]:
        try:
            attach(world, method, intent["customer"])
        except CardError as error:
            _failed(world, intent, method, error)
            raise
    if authenticated:
        world.private(method["id"])["set_up"] = True
    intent |= {"status": "succeeded", "next_action": None, "last_setup_error": None}
    return world.emit("setup_intent.succeeded", intent)


def _failed(world: World, intent: Json, method: Json, error: CardError) -> None:
    kept = ("type", "code", "decline_code", "message")
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_setup_error": {name: error.error[name] for name in kept if name in error.error}
        | {"payment_method": pictured(method)},
    }
    world.emit("setup_intent.setup_failed", intent)
    error.error |= {"setup_intent": pictured(intent), "payment_method": pictured(method)}


def authentication_failed(world: World, intent: Json) -> CardError:
    method = resolve(world, intent["payment_method"])
    error = CardError(NOT_AUTHENTICATED, code="setup_intent_authentication_failure")
    _failed(world, intent, method, error)
    return error


def _unexpected(intent: Json, verb: str) -> Exception:
    return invalid(
        f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}.",
        None,
        "setup_intent_unexpected_state",
    )


@route("POST", "setup_intents", "SetupIntentCreateParams")
def create(world: World, params: Json) -> Json:
    intent = new_setup(world, params)
    return confirm(world, intent, return_url=params.get("return_url")) if truth(params.get("confirm")) else intent


@route("POST", "setup_intents/{id}", "SetupIntentModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    intent = world.get("setup_intent", id)
    if params.get("payment_method"):
        intent |= {"payment_method": resolve(world, params["payment_method"])["id"], "status": "requires_confirmation"}
    if "description" in params:
        intent["description"] = params["description"] or None
    if "metadata" in params:
        intent["metadata"] = merged_metadata(intent["metadata"], params["metadata"])
    return intent


@route("POST", "setup_intents/{id}/confirm", "SetupIntentConfirmParams")
def confirm_route(world: World, params: Json, id: str) -> Json:
    intent = world.get("setup_intent", id)
    if params.get("payment_method"):
        intent["payment_method"] = resolve(world, params["payment_method"])["id"]
    return confirm(world, intent, return_url=params.get("return_url"))


@route("POST", "setup_intents/{id}/cancel", "SetupIntentCancelParams")
def cancel(world: World, params: Json, id: str) -> Json:
    intent = world.get("setup_intent", id)
    if intent["status"] not in CONFIRMABLE:
        raise _unexpected(intent, "cancel")
    intent |= {"status": "canceled", "cancellation_reason": params.get("cancellation_reason"), "next_action": None}
    return world.emit("setup_intent.canceled", intent)


readable("setup_intents", "setup_intent", "SetupIntentListParams")
