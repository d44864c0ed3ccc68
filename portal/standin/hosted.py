"""What the portal's pages of simulated payments ask and do."""

import base64
import re
from collections.abc import Callable
from typing import Any

from portal.standin.billing.changes import change
from portal.standin.billing.invoicing import collect
from portal.standin.billing.lifecycle import cancel_now
from portal.standin.cards import CARDS, shown
from portal.standin.errors import ApiError, CardError, Json
from portal.standin.paying import answer_bank, pay, recover
from portal.standin.pdf import credit_note_pdf, invoice_pdf
from portal.standin.resources.checkout import apply_discounts, lines_of, saved_methods
from portal.standin.resources.customers import modify as modify_customer
from portal.standin.resources.payment_methods import detach, new_method, own_method
from portal.standin.resources.portal_sessions import default_configuration
from portal.standin.resources.setup_intents import confirm as confirm_setup
from portal.standin.resources.setup_intents import new_setup
from portal.standin.world import World

Act = Callable[..., Json]


def hosted(world: World, method: str, path: str, params: Json) -> Json:
    for verb, pattern, act in PATHS:
        if verb == method and (match := re.fullmatch(pattern, path)):
            return act(world, params, **match.groupdict())
    raise ApiError("Not found", status=404)


def cards() -> list[Json]:
    return [shown(card) for card in CARDS.values()]


# -- Checkout ---------------------------------------------------------------------------------


def checkout_page(world: World, params: Json, id: str) -> Json:
    session = world.get("checkout.session", id)
    customer = world.store.get("customer", session["customer"]) if session["customer"] else None
    message = world.private(id).pop("message", None)
    return {
        "session": session,
        "lines": lines_of(world, session)["data"],
        "email": customer["email"] if customer else session["customer_email"],
        "trial_days": (world.private(id)["subscription_data"] or {}).get("trial_period_days"),
        "message": message,
        "saved": saved_methods(world, session),
        "cards": cards(),
    }


def checkout_pay(world: World, params: Json, id: str) -> Json:
    return pay(world, world.get("checkout.session", id), params["number"])


def checkout_code(world: World, params: Json, id: str) -> Json:
    """A customer types a promotion code; an empty one takes it away."""
    session = world.get("checkout.session", id)
    typed = str(params.get("code") or "").strip().upper()
    if session["status"] != "open" or not session["allow_promotion_codes"]:
        raise ApiError("Codes cannot be used here.")
    found = [one for one in world.store.look("promotion_code") if one["active"] and one["code"].upper() == typed]
    if typed and not found:
        raise ApiError("This code is invalid.")
    apply_discounts(world, session, [{"promotion_code": found[0]["id"]}] if found else [])
    return {}


def checkout_recover(world: World, params: Json, id: str) -> Json:
    return recover(world, world.get("checkout.session", id))


# -- 3-D Secure ---------------------------------------------------------------------------------


def _asked(world: World, id: str) -> Json:
    for kind in ("payment_intent", "setup_intent", "checkout.session"):
        if world.store.has(kind, id):
            return world.get(kind, id)
    raise ApiError("No such payment.", status=404)


def authentication_page(world: World, params: Json, id: str) -> Json:
    subject = _asked(world, id)
    amount = subject.get("amount", subject.get("amount_total"))
    return {"amount": amount, "currency": subject.get("currency"), "status": subject["status"]}


def authentication_answer(world: World, params: Json, id: str) -> Json:
    return answer_bank(world, _asked(world, id), approved=bool(params.get("approve")))


# -- the customer portal ---------------------------------------------------------------------------------


def portal_page(world: World, params: Json, id: str) -> Json:
    session = world.get("billing_portal.session", id)
    customer = world.get("customer", session["customer"])
    configuration = world.store.get("billing_portal.configuration", session["configuration"])
    subscriptions = [one for one in world.find("subscription", customer=customer["id"]) if one["status"] != "canceled"]
    names = {product["id"]: product["name"] for product in world.store.look("product")}
    return {
        "session": session,
        "email": customer["email"],
        "name": customer["name"],
        "default": customer["invoice_settings"]["default_payment_method"],
        "methods": world.find("payment_method", customer=customer["id"]),
        "subscriptions": [one | {"name": _name(one, names)} for one in subscriptions],
        "invoices": [one for one in world.find("invoice", customer=customer["id"]) if one["status"] != "draft"],
        "features": (configuration or default_configuration(world))["features"],
        "cards": cards(),
    }


def _name(subscription: Json, names: dict[str, str]) -> str:
    return ", ".join(names.get(item["price"]["product"], "") for item in subscription["items"]["data"])


def portal_act(world: World, params: Json, id: str) -> Json:
    """Raises what Stripe would say; everything is checked to belong to the session's customer."""
    session = world.get("billing_portal.session", id)
    customer, target = session["customer"], str(params.get("target") or "")
    act = params.get("act")
    if act in ("cancel", "resume"):
        subscription = _own_subscription(world, target, customer)
        features = world.get("billing_portal.configuration", session["configuration"])["features"]
        if act == "cancel" and features["subscription_cancel"]["mode"] == "immediately":
            cancel_now(world, subscription)
        else:
            change(world, subscription, {"cancel_at_period_end": "true" if act == "cancel" else "false"})
    elif act == "default":
        own_method(world, target, customer, "target")
        modify_customer(world, {"invoice_settings": {"default_payment_method": target}}, customer)
    elif act == "remove":
        detach(world, {}, own_method(world, target, customer, "target")["id"])
    elif act == "add":
        return _add(world, session, str(params.get("number") or ""))
    else:
        raise ApiError("Not found", status=404)
    return {}


def _own_subscription(world: World, key: str, customer: str) -> Json:
    subscription = world.get("subscription", key)
    if subscription["customer"] != customer:
        raise ApiError("No such subscription.", status=404)
    return subscription


def _add(world: World, session: Json, number: str) -> Json:
    try:
        method = new_method(world, number)
        intent = new_setup(world, {"customer": session["customer"], "payment_method": method["id"]})
        confirm_setup(world, intent, return_url=session["url"])
    except CardError as error:
        return {"error": error.error["message"]}
    action: Any = intent["next_action"]
    return {"redirect": action["redirect_to_url"]["url"]} if action else {}


# -- invoices ---------------------------------------------------------------------------------


def invoice_page(world: World, params: Json, id: str) -> Json:
    invoice = world.get("invoice", id)
    return {"invoice": invoice, "cards": cards()}


def invoice_pay(world: World, params: Json, id: str) -> Json:
    invoice = world.get("invoice", id)
    if invoice["status"] == "paid":
        return {}
    try:
        method = new_method(world, str(params.get("number") or ""))
        collect(world, invoice, method=method["id"], on_session=True)
    except CardError as error:
        return {"error": error.error["message"]}
    if invoice["status"] == "paid":
        return {}
    return {"redirect": world.page("authentication", _open_intent(world, invoice))}


def _open_intent(world: World, invoice: Json) -> str:
    payment = world.find("invoice_payment", invoice=invoice["id"], status="open")[0]
    key: str = payment["payment"]["payment_intent"]
    return key


def invoice_file(world: World, params: Json, id: str) -> Json:
    return {"pdf": base64.b64encode(invoice_pdf(world.get("invoice", id))).decode()}


def credit_note_file(world: World, params: Json, id: str) -> Json:
    return {"pdf": base64.b64encode(credit_note_pdf(world.get("credit_note", id))).decode()}


PATHS: list[tuple[str, str, Act]] = [
    ("GET", r"checkout/(?P<id>\w+)", checkout_page),
    ("POST", r"checkout/(?P<id>\w+)/pay", checkout_pay),
    ("POST", r"checkout/(?P<id>\w+)/code", checkout_code),
    ("POST", r"checkout/(?P<id>\w+)/recover", checkout_recover),
    ("GET", r"authentication/(?P<id>\w+)", authentication_page),
    ("POST", r"authentication/(?P<id>\w+)", authentication_answer),
    ("GET", r"portal/(?P<id>\w+)", portal_page),
    ("POST", r"portal/(?P<id>\w+)", portal_act),
    ("GET", r"invoices/(?P<id>\w+)", invoice_page),
    ("POST", r"invoices/(?P<id>\w+)/pay", invoice_pay),
    ("GET", r"invoices/(?P<id>\w+)/pdf", invoice_file),
    ("GET", r"credit-notes/(?P<id>\w+)/pdf", credit_note_file),
]
