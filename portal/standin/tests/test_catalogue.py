"""Products, prices, coupons, codes, tax rates, customers with tax ids, the portal's configuration."""

from collections.abc import Callable

import pytest
import stripe

from portal.testing.simulated import SimulatedStripe


def test_products_and_prices(simulated: SimulatedStripe) -> None:
    product = stripe.Product.create(name="Pack", default_price_data={"currency": "usd", "unit_amount": 1000})
    assert product.default_price
    price = stripe.Price.create(product=product.id, currency="EUR", unit_amount_decimal="12.5", lookup_key="pack")
    assert (price.currency, price.unit_amount, str(price.to_dict()["unit_amount_decimal"])) == ("eur", None, "12.5")
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Price.create(product=product.id, currency="usd", unit_amount=1, lookup_key="pack")
    moved = stripe.Price.create(
        product=product.id, currency="usd", unit_amount=1, lookup_key="pack", transfer_lookup_key=True
    )
    assert [one.id for one in stripe.Price.list(lookup_keys=["pack"]).data] == [moved.id]
    stripe.Price.modify(moved.id, active=False)
    assert len(stripe.Price.list(product=product.id, active=True).data) == 2
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Product.delete(product.id)
    other = stripe.Product.create(id="prod_own", name="Other")
    assert stripe.Product.delete(other.id).deleted
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        stripe.Product.create(id=product.id, name="Twice")
    assert stripe.Product.modify(product.id, description="Credits", active=False).active is False


def test_coupons_and_codes(simulated: SimulatedStripe) -> None:
    coupon = stripe.Coupon.create(percent_off=12.5, duration="repeating", duration_in_months=3, name="Spring")
    assert (coupon.percent_off, coupon.valid) == (12.5, True)
    code = stripe.PromotionCode.create(promotion={"type": "coupon", "coupon": coupon.id}, code="SPRING")
    assert code.promotion.coupon == coupon.id
    assert [one.id for one in stripe.PromotionCode.list(code="spring").data] == [code.id]
    with pytest.raises(stripe.InvalidRequestError):
        stripe.PromotionCode.create(promotion={"type": "coupon", "coupon": coupon.id}, code="spring")
    assert stripe.PromotionCode.modify(code.id, active=False).active is False
    assert stripe.Coupon.modify(coupon.id, name="Summer").name == "Summer"
    assert stripe.Coupon.delete(coupon.id).deleted
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Coupon.create(duration="once")


def test_tax_rates(simulated: SimulatedStripe) -> None:
    rate = stripe.TaxRate.create(display_name="VAT", percentage=19, inclusive=False, country="DE")
    assert (rate.percentage, rate.inclusive) == (19.0, False)
    assert stripe.TaxRate.modify(rate.id, active=False).active is False
    assert stripe.TaxRate.list(active=True).data == []


def test_customers_with_addresses_and_tax_ids(simulated: SimulatedStripe, customer: stripe.Customer) -> None:
    changed = stripe.Customer.modify(customer.id, address={"line1": "Way 1", "country": "DE"}, tax_exempt="reverse")
    assert changed.address is not None
    assert (changed.address.country, changed.tax_exempt) == ("DE", "reverse")
    tax_id = stripe.Customer.create_tax_id(customer.id, type="eu_vat", value="DE123456789")
    assert tax_id.country == "DE"
    assert [one.value for one in stripe.Customer.list_tax_ids(customer.id).data] == ["DE123456789"]
    assert stripe.Customer.delete_tax_id(customer.id, tax_id.id).deleted
    assert stripe.Customer.delete(customer.id).deleted
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Customer.retrieve(customer.id)


def test_cards_are_listed_changed_and_removed(
    customer: stripe.Customer, card: Callable[[str], stripe.PaymentMethod]
) -> None:
    method = card("pm_card_visa")
    stripe.PaymentMethod.modify(method.id, card={"exp_month": 1, "exp_year": 2040})
    (listed,) = stripe.Customer.list_payment_methods(customer.id, type="card").data
    assert listed.card is not None
    assert (listed.card.exp_year, listed.card.last4) == (2040, "4242")
    stripe.PaymentMethod.detach(method.id)
    assert stripe.Customer.list_payment_methods(customer.id).data == []
    settings = stripe.Customer.retrieve(customer.id).invoice_settings
    assert settings is not None
    assert settings.default_payment_method is None
    with pytest.raises(stripe.InvalidRequestError, match="detached"):
        stripe.PaymentMethod.attach(method.id, customer=customer.id)


def test_a_card_of_somebody_else_is_refused(customer: stripe.Customer) -> None:
    other = stripe.Customer.create(email="other@example.com")
    method = stripe.PaymentMethod.attach("pm_card_visa", customer=other.id)
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Customer.modify(customer.id, invoice_settings={"default_payment_method": method.id})
    with pytest.raises(stripe.InvalidRequestError):
        stripe.PaymentIntent.create(
            amount=500, currency="usd", customer=customer.id, payment_method=method.id, confirm=True
        )


def test_portal_sessions_and_configurations(simulated: SimulatedStripe, customer: stripe.Customer) -> None:
    session = stripe.billing_portal.Session.create(customer=customer.id, return_url="http://testserver/")
    assert session.url == f"http://testserver/simulated-stripe/portal/{session.id}/"
    own = stripe.billing_portal.Configuration.create(
        features={"invoice_history": {"enabled": False}}, business_profile={"headline": "Bills"}
    )
    assert own.features.invoice_history.enabled is False
    stripe.billing_portal.Configuration.modify(own.id, features={"subscription_cancel": {"enabled": False}})
    assert stripe.billing_portal.Configuration.retrieve(own.id).features.subscription_cancel.enabled is False
    assert stripe.billing_portal.Session.create(customer=customer.id, configuration=own.id).configuration == own.id
    assert len(stripe.billing_portal.Configuration.list().data) == 2
