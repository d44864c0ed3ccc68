"""Asking Stripe on somebody's behalf: what it answers becomes words for people."""

from collections.abc import Iterator
from contextlib import contextmanager

from billing.gateway.errors import CardRefused, GatewayError, NotConnected
from billing.gateway.errors import Refused as StripeRefused
from billing.gateway.subscriptions import price_ensure
from billing.gateway.waiting import waiting
from billing.plans.subscribing.choices import Choice
from billing.plans.subscribing.errors import ChangeRefused, PaymentsDown, PaymentsOff

CURRENCY = "usd"


def price_at_stripe(choice: Choice) -> str:
    """The id of its price, made if need be. Raises PaymentsOff, PaymentsDown, ChangeRefused."""
    with in_words():
        return price_ensure(
            lookup_key=choice.lookup_key,
            name=choice.name,
            amount=choice.price_cents,
            currency=CURRENCY,
            interval=choice.interval,
        )


@contextmanager
def in_words() -> Iterator[None]:
    """Raises PaymentsOff, PaymentsDown or ChangeRefused for what Stripe says; takes a turn of waiting for it."""
    try:
        with waiting():
            yield
    except NotConnected as error:
        raise PaymentsOff from error
    except CardRefused as error:
        raise ChangeRefused(f"{error.message} Nothing was changed.") from error
    except StripeRefused as error:
        raise ChangeRefused from error
    except GatewayError as error:
        raise PaymentsDown from error
