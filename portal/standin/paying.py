"""A customer pays in Checkout: once, however often the button is pressed."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from portal.standin.billing.discounts import count_use
from portal.standin.billing.invoicing import mark_paid
from portal.standin.billing.items import new_item
from portal.standin.billing.lines import Draft
from portal.standin.billing.subscriptions import new_subscription
from portal.standin.errors import ApiError, CardError, Json
from portal.standin.params import address
from portal.standin.resources import payment_intents, setup_intents
from portal.standin.resources.checkout import saved_methods
from portal.standin.resources.customers import new_customer, tax_ids_of
from portal.standin.resources.payment_methods import attach, card_behind, new_method
from portal.standin.world import World, new_id, pictured

DAY = 86400


def pay(world: World, session: Json, number: str) -> Json:
    """Returns where to go (`redirect`), or why not (`error`), or that it is too late (`expired`)."""
    if session["status"] == "complete":
        return _onward(session)
    if session["status"] == "expired":
        return {"expired": True}
    try:
        return _with(world, session, _method(world, session, number), authenticated=False)
    except CardError as error:
        return {"error": error.error["message"]}


def _method(world: World, session: Json, number: str) -> Json:
    """A new card of that number, or the saved one of that id. Raises CardError, ApiError."""
    if not number.startswith("pm_"):
        return new_method(world, number)
    for saved in saved_methods(world, session):
        if saved["id"] == number:
            return saved
    raise ApiError("This card is not saved any more.", status=404)


def _with(world: World, session: Json, method: Json, *, authenticated: bool) -> Json:
    """Raises CardError."""
    if session["customer"] is None and (session["mode"] != "payment" or session["customer_creation"] == "always"):
        session["customer"] = new_customer(world, {"email": session["customer_email"]})["id"]
    if session["mode"] == "subscription":
        return _subscribe(world, session, method, authenticated=authenticated)
    if session["mode"] == "payment" and not session["amount_total"]:
        return _complete(world, session)
    intent = _payment(world, session) if session["mode"] == "payment" else _setup(world, session)
    intent["payment_method"] = method["id"]
    kind = payment_intents if session["mode"] == "payment" else setup_intents
    kind.confirm(world, intent, authenticated=authenticated)
    if intent["status"] == "requires_action":
        return {"redirect": intent["next_action"]["redirect_to_url"]["url"]}
    return _complete(world, session)


def _payment(world: World, session: Json) -> Json:
    """The session's one payment, also for another try with another card."""
    if session["payment_intent"]:
        return world.get("payment_intent", session["payment_intent"])
    intent = payment_intents.new_intent(
        world,
        session["amount_total"],
        session["currency"],
        customer=session["customer"],
        params=world.private(session["id"])["payment_intent_data"],
    )
    session["payment_intent"] = intent["id"]
    world.private(intent["id"])["session"] = session["id"]
    return intent


def _setup(world: World, session: Json) -> Json:
    if session["setup_intent"]:
        return world.get("setup_intent", session["setup_intent"])
    given = world.private(session["id"])["setup_intent_data"]
    intent = setup_intents.new_setup(world, given | {"customer": session["customer"]})
    session["setup_intent"] = intent["id"]
    world.private(intent["id"])["session"] = session["id"]
    return intent


def _subscribe(world: World, session: Json, method: Json, *, authenticated: bool) -> Json:
    private = world.private(session["id"])
    if card_behind(world, method).authentication and not authenticated:
        private["method"] = method["id"]
        return {"redirect": world.page("authentication", session["id"])}
    before = world.store.snapshot()
    try:
        attach(world, method, session["customer"])
        if authenticated:
            world.private(method["id"])["set_up"] = True
        subscription = new_subscription(
            world, _subscription(world, session, method), authenticated=authenticated, on_session=True
        )
    except CardError:
        world.store.back_to(before)
        raise
    session = world.get("checkout.session", session["id"])
    session |= {"subscription": subscription["id"], "invoice": subscription["latest_invoice"]}
    return _complete(world, session)


def _subscription(world: World, session: Json, method: Json) -> Json:
    """The parameters of the subscription that was bought; what is bought once goes onto its first invoice."""
    private = world.private(session["id"])
    items = []
    for line in private["lines"]:
        rates = [tax["rate"]["id"] for tax in line["taxes"]]
        if line["price"]["recurring"]:
            items.append({"price": line["price"]["id"], "quantity": str(line["quantity"]), "tax_rates": rates})
            continue
        now = world.now()
        words, amount = line["description"], line["amount_subtotal"]
        once = Draft(amount, words, now, now, line["quantity"], line["price"], rates)
        new_item(world, session["customer"], session["currency"], once)
    given = {name: value for name, value in private["subscription_data"].items() if value != ""}
    return given | {
        "customer": session["customer"],
        "items": items,
        "default_payment_method": method["id"],
        "discounts": [{k: v for k, v in one.items() if v} for one in session["discounts"]],
        "payment_behavior": "error_if_incomplete",
    }


def _complete(world: World, session: Json) -> Json:
    customer = world.get("customer", session["customer"]) if session["customer"] else None
    if session["mode"] == "payment":
        for used in session["discounts"]:
            count_use(world, used)
    session |= {
        "status": "complete",
        "url": None,
        "payment_status": "paid" if session["amount_total"] else "no_payment_required",
        "customer_details": {
            "address": customer["address"] if customer else address(None),
            "email": customer["email"] if customer else session["customer_email"],
            "name": customer["name"] if customer else None,
            "phone": customer["phone"] if customer else None,
            "tax_exempt": customer["tax_exempt"] if customer else "none",
            "tax_ids": tax_ids_of(world, customer["id"]) if customer else [],
        },
    }
    world.emit("checkout.session.completed", session)
    return _onward(session)


def _onward(session: Json) -> Json:
    return {"redirect": session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])}


def answer_bank(world: World, subject: Json, *, approved: bool) -> Json:
    """The cardholder has approved or refused; returns where to go."""
    if subject["object"] == "checkout.session":
        return _answer_for_subscription(world, subject, approved)
    key = world.private(subject["id"]).get("session")
    session = world.get("checkout.session", key) if key else None
    kind = payment_intents if subject["object"] == "payment_intent" else setup_intents
    back = ((subject["next_action"] or {}).get("redirect_to_url") or {}).get("return_url")
    message = None
    if subject["status"] == "requires_action":
        try:
            if not approved:
                raise kind.authentication_failed(world, subject)
            kind.confirm(world, subject, authenticated=True)
        except CardError as error:
            message = error.error["message"]
    if session is not None:
        if subject["status"] == "succeeded":
            return _complete(world, session) if session["status"] == "open" else _onward(session)
        return _again(world, session, message)
    if subject["status"] == "succeeded":
        _pay_invoice(world, subject)
    return {"redirect": _with_result(back, subject)}


def _answer_for_subscription(world: World, session: Json, approved: bool) -> Json:
    if session["status"] == "complete":
        return _onward(session)
    method = world.private(session["id"]).pop("method", None)
    if method is None:
        return _again(world, session, None)
    if not approved:
        return _again(world, session, payment_intents.NOT_AUTHENTICATED)
    try:
        return _with(world, session, world.get("payment_method", method), authenticated=True)
    except CardError as error:
        return _again(world, world.get("checkout.session", session["id"]), error.error["message"])


def _again(world: World, session: Json, message: str | None) -> Json:
    if message:
        world.private(session["id"])["message"] = message
    return {"redirect": world.page("checkout", session["id"])}


def _pay_invoice(world: World, intent: Json) -> None:
    for payment in world.store.look("invoice_payment"):
        if payment["payment"]["payment_intent"] == intent["id"] and payment["status"] == "open":
            mark_paid(world, world.get("invoice", payment["invoice"]), intent)
            return


def _with_result(back: str | None, intent: Json) -> str | None:
    """The return address, told what came of it; None when none was given."""
    if not back:
        return None
    parts = urlsplit(back)
    query = [*parse_qsl(parts.query), (intent["object"], intent["id"])]
    query.append(("redirect_status", "succeeded" if intent["status"] == "succeeded" else "failed"))
    return urlunsplit(parts._replace(query=urlencode(query)))


def recover(world: World, session: Json) -> Json:
    """A new session like an expired one, from the address in the reminder."""
    recovery = (session["after_expiration"] or {}).get("recovery")
    if not recovery or not recovery["expires_at"] or recovery["expires_at"] < world.now():
        raise ApiError("This link no longer works.", status=404)
    key = new_id("cs_test_")
    copy = pictured(session) | {
        "id": key,
        "created": world.now(),
        "expires_at": world.now() + DAY,
        "after_expiration": None,
        "recovered_from": session["id"],
        "status": "open",
        "payment_intent": None,
        "setup_intent": None,
        "url": world.page("checkout", key),
    }
    world.store.add("checkout.session", key, copy)
    world.store.add("private", key, pictured(world.private(session["id"])))
    return {"redirect": copy["url"]}
