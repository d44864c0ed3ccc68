"""A web server of the portal on the tests' own database, with a network on loopback: for programs, and to be killed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from billing.packs.x402.tests.conftest import KEY, PAY_TO
from portal.testing.patient import WebServer
from portal.testing.testdatabase import url_of_tests


@contextmanager
def served(network: str) -> Iterator[WebServer]:
    """`network`: its URL. One process is enough for clients that come one after the other."""
    server = WebServer(
        Path(os.environ["PURSER_HOME"]),
        url_of_tests(),
        workers=1,
        X402_PAY_TO=PAY_TO,
        X402_NETWORKS=f"{KEY}={network}/rpc",
        X402_FACILITATOR_URL=network,
    )
    try:
        server.wait()
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
