"""The shape check: every kind of object, nested parts included, is as the installed SDK's annotations say."""

import re
from collections.abc import Callable
from typing import Any

import stripe

from portal.standin.app import Request
from portal.standin.routes import known_paths
from portal.testing.shapes import Shapes
from portal.testing.simulated import KEY, SimulatedStripe

# Records that no path of the API shows by themselves.
OURS = {"delivery", "idempotency", "private", "setting"}
PARTS = {"credit_note_line_item", "item", "line_item", "plan", "subscription_item"}


def test_the_check_finds_what_is_wrong() -> None:
    shapes = Shapes()
    shapes.check({"object": "refund", "id": "re_1", "amount": 1, "currency": "usd", "created": 1, "colour": "red"})
    assert shapes.unknown == {"refund.colour"}
    assert shapes.missing == set()
    shapes.check({"object": "list", "data": [{"object": "price", "recurring": {"interval": "day", "days": 3}}]})
    assert "price.recurring.days" in shapes.unknown
    assert {"price.id", "price.product", "price.recurring.usage_type"} <= shapes.missing
    shapes.check({"object": "refund", "id": 1, "amount": 1, "currency": None, "created": 1, "reason": "whim"})
    assert shapes.wrong == {"refund.id is 1", "refund.currency is null", "refund.reason is 'whim'"}
    shapes = Shapes()
    shapes.check({"object": "customer", "id": "cus_1", "deleted": True})
    assert shapes.missing == set()


def test_every_kind_of_object_has_its_shape(
    simulated: SimulatedStripe,
    customer: stripe.Customer,
    card: Callable[[str], stripe.PaymentMethod],
    price: Callable[..., stripe.Price],
) -> None:
    stripe.WebhookEndpoint.create(url="http://127.0.0.1:9/nobody", enabled_events=["*"])
    stripe.Account.retrieve()
    card("pm_card_visa")
    stripe.Customer.create_tax_id(customer.id, type="eu_vat", value="DE123456789")
    rate = stripe.TaxRate.create(display_name="VAT", percentage=19, inclusive=False)
    coupon = stripe.Coupon.create(percent_off=10, duration="forever")
    stripe.PromotionCode.create(promotion={"type": "coupon", "coupon": coupon.id}, code="TEN")
    subscription = stripe.Subscription.create(
        customer=customer.id,
        items=[{"price": price(2000, "month").id}],
        default_tax_rates=[rate.id],
        discounts=[{"coupon": coupon.id}],
        expand=["discounts", "latest_invoice.payments", "pending_setup_intent"],
    )
    stripe.Subscription.modify(
        subscription.id, items=[{"id": subscription["items"].data[0].id, "quantity": 2}], metadata={"a": "b"}
    )
    schedule = stripe.SubscriptionSchedule.create(from_subscription=subscription.id)
    plain = {"items": [{"price": str(schedule.phases[0]["items"][0].price), "quantity": 2}]}
    coming = {"items": [{"price": price(20000, "year").id}], "duration": {"interval": "year"}}
    phases: Any = [plain | {"end_date": schedule.phases[0].end_date}, coming]
    stripe.SubscriptionSchedule.modify(schedule.id, phases=phases, metadata={"a": "b"})
    simulated.advance(days=32)
    paid = stripe.Invoice.list(subscription=subscription.id).data[0]
    stripe.CreditNote.create(invoice=str(paid.id), amount=500, refund_amount=500)
    stripe.SetupIntent.create(customer=customer.id, payment_method="pm_card_visa", confirm=True)
    session = stripe.checkout.Session.create(
        mode="payment",
        customer=customer.id,
        success_url="http://testserver/",
        line_items=[{"price": price(900).id, "quantity": 1, "tax_rates": [rate.id]}],
    )
    simulated.pay(session.id, "4000000000000002")
    simulated.pay(session.id, "4000000000000259")
    stripe.checkout.Session.retrieve(session.id, expand=["line_items", "payment_intent.latest_charge"])
    stripe.billing_portal.Session.create(customer=customer.id)
    empty = read_everything(simulated, {"subscription_items": f"subscription={subscription.id}"})
    assert empty == {"accounts", "customers/{id}/sources", "products/{id}/features"}, "nothing of it could be looked at"
    made = {kind for kind in simulated.server.store.kinds() if kind not in OURS}
    assert set(simulated.shapes.seen) >= made | PARTS
    assert (simulated.shapes.unknown, simulated.shapes.missing, simulated.shapes.wrong) == (set(), set(), set())


def read_everything(simulated: SimulatedStripe, queries: dict[str, str]) -> set[str]:
    """GET every path that is served, for every object that is listed. Returns the lists that were always empty."""
    patterns = [re.sub(r"\(\?P<(\w+)>.*?\)", r"{\1}", path) for method, path in known_paths() if method == "GET"]
    places: dict[str, list[str]] = {}  # the paths that each pattern stands for
    found: dict[str, int] = {}  # by each list
    for pattern in sorted(patterns, key=lambda pattern: pattern.count("/")):
        over, _, last = pattern.rpartition("/")
        if not last.startswith("{"):
            places[pattern] = [f"{above}/{last}".lstrip("/") for above in places.get(over, [over])]
        for path in places[pattern]:
            answer = get(simulated, f"{path}?limit=100&{queries.get(pattern, '')}")
            if answer["object"] == "list":
                found[pattern] = found.get(pattern, 0) + len(answer["data"])
                for single in (one for one in patterns if one.endswith("}") and one.rpartition("/")[0] == pattern):
                    places.setdefault(single, []).extend(f"{path}/{one['id']}" for one in answer["data"])
    return {pattern for pattern, count in found.items() if not count}


def get(simulated: SimulatedStripe, path: str) -> dict[str, Any]:
    headers = {"host": "localhost", "authorization": f"Bearer {KEY}"}
    reply = simulated.server.app.handle(Request("GET", f"/v1/{path}", headers))
    assert reply.status == 200, (path, reply.body)
    return reply.body
