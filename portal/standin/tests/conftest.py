from collections.abc import Callable

import pytest
import stripe


@pytest.fixture
def customer(simulated: object) -> stripe.Customer:
    return stripe.Customer.create(email="ada@example.com", name="Ada Lane")


@pytest.fixture
def card(customer: stripe.Customer) -> Callable[[str], stripe.PaymentMethod]:
    """`card("pm_card_visa")`: saved for the customer, and the default."""

    def save(token: str) -> stripe.PaymentMethod:
        method = stripe.PaymentMethod.attach(token, customer=customer.id)
        stripe.Customer.modify(customer.id, invoice_settings={"default_payment_method": method.id})
        return method

    return save


@pytest.fixture
def price() -> Callable[..., stripe.Price]:
    """`price(2000, "month")`; one-time without an interval."""

    def make(amount: int, interval: str = "", name: str = "Pro", **more: object) -> stripe.Price:
        recurring = {"recurring": {"interval": interval}} if interval else {}
        return stripe.Price.create(
            unit_amount=amount,
            currency="usd",
            product_data={"name": name},
            **recurring,
            **more,  # type: ignore[arg-type]
        )

    return make
