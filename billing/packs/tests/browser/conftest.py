"""The same Chromium as for the billing pages, webhooks that arrive, and a worker that attends to them."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from accounts.models import Workspace
from billing.foundation.due.registry import run_due
from billing.gateway.endpoint import connect
from billing.overview.tests.browser.conftest import browser, tab, visit
from billing.packs.tasks import JOB
from portal.testing.simulated import SimulatedStripe

__all__ = ["browser", "tab", "visit"]


class Worker(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over, self.rests = threading.Event(), threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.2):
            if not self.rests.is_set():
                run_due(only=JOB)
        connection.close()


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    made.start()
    yield made
    made.over.set()
    made.join(20)


@pytest.fixture
def shop(simulated_file: SimulatedStripe, live_server: Any, settings: Any, workspace: Workspace) -> SimulatedStripe:
    settings.STRIPE_WEBHOOK_BASE = settings.SITE_URL = live_server.url
    simulated_file.server.world.pages = f"{live_server.url}/simulated-stripe"
    connect()
    return simulated_file
