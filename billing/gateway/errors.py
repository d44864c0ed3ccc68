"""What can go wrong with Stripe, in the portal's words. Each says what is certain about the money."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import stripe

log = logging.getLogger(__name__)


class GatewayError(Exception):
    """The message is for the log and for operators, never for customers."""


class NotConnected(GatewayError):
    """There is no key, or Stripe does not take it. Nothing was done."""


class Unavailable(GatewayError):
    """Stripe did not answer, or not to the point. What was asked may have been done: ask again with the same key."""


class Refused(GatewayError):
    """Stripe does not accept the request. Nothing was done, and repeating it changes nothing."""

    def __init__(self, message: str, code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class CardRefused(GatewayError):
    """The customer's bank said no. Nothing was paid; `message` is Stripe's text for the customer."""

    def __init__(self, message: str, code: str = "", decline_code: str = "", payment: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.decline_code = decline_code
        self.payment = payment  # the PaymentIntent that was tried, if there is one


class AuthenticationNeeded(CardRefused):
    """The bank wants to see the cardholder: the same payment has to be made in Checkout."""


@contextmanager
def translated() -> Iterator[None]:
    """Raises ours for Stripe's."""
    try:
        yield
    except stripe.CardError as error:
        raise _card(error) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        log.error("Stripe does not take the key (STRIPE_SECRET_KEY): %s", error.user_message or error)
        raise NotConnected(f"Stripe does not take the key: {error.user_message or error}") from error
    except stripe.IdempotencyError as error:
        # The key is in use by another request of ours, or was used with other content: what that one does is not known.
        raise Unavailable(f"Stripe is asked under the same key already: {error.user_message or error}") from error
    except stripe.InvalidRequestError as error:
        raise Refused(str(error.user_message or error), error.code or "", getattr(error, "param", "") or "") from error
    except stripe.StripeError as error:
        log.warning("Stripe does not answer: %s", error.user_message or error)
        raise Unavailable(f"Stripe does not answer: {error.user_message or error}") from error


def _card(error: stripe.CardError) -> CardRefused:
    told: Any = error.error
    intent = getattr(told, "payment_intent", None)
    kind = AuthenticationNeeded if error.code == "authentication_required" else CardRefused
    return kind(
        str(error.user_message or error),
        error.code or "",
        str(getattr(told, "decline_code", None) or ""),
        str(intent["id"]) if intent else "",
    )
