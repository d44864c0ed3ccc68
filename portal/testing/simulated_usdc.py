"""The stand-in for USDC in a test: in this process, in memory, on a free port, the portal paid at it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from billing.packs.x402 import settling
from billing.packs.x402.rails import SIMULATED_KEY, SIMULATED_PAY_TO
from portal.standin_usdc.chain import Chain
from portal.standin_usdc.paths import NODE
from portal.standin_usdc.server import Server


class SimulatedUsdc:
    def __init__(self, file: Path | None = None, port: int = 0) -> None:
        self.file = file
        self.server = Server(port=port, file=file)
        self._thread = threading.Thread(target=self.server.run, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def chain(self) -> Chain:
        return self.server.chain

    def stop(self) -> None:
        self.server.end()
        self._thread.join(5)


@pytest.fixture
def simulated_usdc(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[SimulatedUsdc]:
    running = SimulatedUsdc()
    settings.X402_PAY_TO = SIMULATED_PAY_TO
    settings.X402_NETWORKS = {SIMULATED_KEY: running.url + NODE}
    settings.X402_FACILITATOR_URL = running.url
    with monkeypatch.context() as patch:
        patch.setattr(settling, "PAUSE", 0.01)
        yield running
    running.stop()
