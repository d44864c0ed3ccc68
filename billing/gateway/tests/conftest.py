"""dj-stripe as it is served, and the stand-in that sends it webhooks."""

from typing import Any

import pytest

from billing.gateway.endpoint import connect
from portal.testing.simulated import SimulatedStripe


@pytest.fixture
def connected(simulated_file: SimulatedStripe, live_server: Any, settings: Any) -> SimulatedStripe:
    """Webhooks arrive at the real view of a real web server."""
    settings.STRIPE_WEBHOOK_BASE = live_server.url
    connect()
    return simulated_file
