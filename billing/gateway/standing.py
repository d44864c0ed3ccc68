"""How the connection to Stripe stands, asked of Stripe itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import stripe

from billing.credits import clock
from billing.gateway.client import how
from billing.gateway.endpoint import EVENTS, endpoint_url, find_endpoint, is_connected
from billing.gateway.errors import translated

LOOKED_BACK = timedelta(days=3)  # for as long Stripe tries to deliver
MOST_EVENTS = 20


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    name: str
    charges_enabled: bool  # it may take payments


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Our webhook endpoint as Stripe has it. `missing`: kinds of events that it does not send."""

    exists: bool
    enabled: bool
    url: str
    missing: tuple[str, ...]
    known: bool  # its secret is known here, so that signatures can be checked


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Events that our endpoint did not take, at most MOST_EVENTS of the last three days."""

    count: int
    oldest: datetime | None


def account() -> Account:
    """Whose key it is. Raises GatewayError."""
    with translated():
        found = stripe.Account.retrieve(**how())
    profile = found.business_profile
    name = (profile.name if profile else "") or found.email or found.id
    return Account(found.id, name, bool(found.charges_enabled))


def endpoint() -> Endpoint:
    """Raises GatewayError."""
    with translated():
        found = find_endpoint()
    if found is None:
        return Endpoint(False, False, endpoint_url(), EVENTS, known=False)
    sent = set(found.enabled_events)
    missing = () if "*" in sent else tuple(name for name in EVENTS if name not in sent)
    return Endpoint(True, found.status == "enabled", found.url, missing, is_connected())


def undelivered() -> Undelivered:
    """Raises GatewayError."""
    since = int((clock.now() - LOOKED_BACK).timestamp())
    with translated():
        found = stripe.Event.list(delivery_success=False, created={"gte": since}, limit=MOST_EVENTS, **how()).data
    oldest = min((event.created for event in found), default=None)
    return Undelivered(len(found), None if oldest is None else datetime.fromtimestamp(oldest, tz=clock.now().tzinfo))
