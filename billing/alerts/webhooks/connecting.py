"""Opening connections to addresses that customers chose, and to no others.

The name is resolved once, every address it has is judged, and the connection goes to the very address that was judged:
a name server that answers differently the next time changes nothing. TLS and the Host header keep the name.
"""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from io import BufferedReader, RawIOBase
from typing import Any

from billing.alerts.webhooks.addresses import Network, may_reach

RESOLVE_SECONDS, CONNECT_SECONDS = 5.0, 5.0
CHUNK = 16_384
log = logging.getLogger(__name__)


class Refused(Exception):
    """The address is not one that may be spoken to: nothing was connected."""


class Unreachable(Exception):
    """Nobody answered, or not in time."""


def addresses_of(host: str, port: int, *, seconds: float = RESOLVE_SECONDS) -> list[str]:
    """What the name resolves to now, in the system's order. Raises Unreachable."""
    found: list[Any] = []

    def look() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    # In a thread: the system's resolver has a patience of its own, and no way to be called off.
    thread = threading.Thread(target=look, daemon=True, name="webhook-resolver")
    thread.start()
    thread.join(seconds)
    if not found:
        raise Unreachable(f"the name {host} was not resolved within {seconds:g} s")
    if isinstance(found[0], Exception):
        raise Unreachable(f"the name {host} was not resolved: {found[0]}")
    return list(dict.fromkeys(str(entry[4][0]) for entry in found[0]))


def checked_address(host: str, port: int, allowed: Iterable[Network]) -> str:
    """The address to connect to. Raises Refused if any address of the name is not a public one, and Unreachable."""
    addresses, opened = addresses_of(host, port), tuple(allowed)
    for address in addresses:
        if not may_reach(address, opened):
            # Which one is for the operator alone: customers read the error, and would learn of names in our network.
            log.warning("a webhook to %s was refused: it leads to %s", host, address)
            raise Refused(f"{host} leads to an address that is not a public address: nothing was sent")
    if not addresses:
        raise Unreachable(f"the name {host} has no address")
    return addresses[0]


def connect(address: str, port: int, *, host: str, tls: bool, deadline: float) -> "Line":
    """A line to exactly this address; with TLS, to whoever proves to be `host`. Raises Unreachable."""
    patience = max(min(CONNECT_SECONDS, deadline - time.monotonic()), 0.001)
    try:
        plain = socket.create_connection((address, port), timeout=patience)
    except OSError as error:
        raise Unreachable(f"no connection to {host}: {_words(error)}") from error
    if not tls:
        return Line(plain, deadline)
    plain.settimeout(max(deadline - time.monotonic(), 0.001))
    try:
        return Line(ssl.create_default_context().wrap_socket(plain, server_hostname=host), deadline)
    except (OSError, ValueError) as error:
        plain.close()
        raise Unreachable(f"no TLS with {host}: {_words(error)}") from error


def _words(error: Exception) -> str:
    return "timed out" if isinstance(error, TimeoutError) else str(error) or type(error).__name__


class Line:
    """A socket as `http.client` uses it, whose reads and writes all end by one deadline (of `time.monotonic`).

    A timeout of each read alone would let a receiver that sends a byte now and then keep us for ever.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self.deadline = deadline

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.armed().send(view[:CHUNK]) :]

    def makefile(self, mode: str = "rb", *_args: Any) -> BufferedReader:
        return BufferedReader(_Incoming(self))

    def close(self) -> None:
        """Called by `http.client` before the body is read; the connection ends with `hang_up`."""

    def hang_up(self) -> None:
        self._sock.close()

    def armed(self) -> socket.socket:
        """The socket, with the time that is left. Raises TimeoutError when none is."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._sock


class _Incoming(RawIOBase):
    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._line.armed().recv_into(buffer)
