"""A web server of the portal on the tests' own database, with a network on loopback: for programs, and to be killed."""

import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from billing.packs.x402.tests.conftest import KEY, PAY_TO
from billing.packs.x402.tests.network import Network
from portal.testing.patient import PATIENCE, WebServer
from portal.testing.testdatabase import url_of_tests


@contextmanager
def served(network: Network) -> Iterator[WebServer]:
    server = WebServer(
        Path(os.environ["PURSER_HOME"]),
        url_of_tests(),
        X402_PAY_TO=PAY_TO,
        X402_NETWORKS=f"{KEY}={network.url}/rpc",
        X402_FACILITATOR_URL=network.url,
    )
    try:
        wait_for(server)
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


def wait_for(server: WebServer) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        assert server.process.poll() is None, "it ended by itself"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/api/v1/openapi.json", timeout=20):
                return
        except (OSError, urllib.error.URLError):
            assert time.monotonic() < until
            time.sleep(0.05)
