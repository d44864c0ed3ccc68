"""One request to a receiver, and what came of it. Knows nothing of the database; runs in threads."""

import http.client
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from billing.alerts.webhooks.addresses import Network
from billing.alerts.webhooks.connecting import Line, Refused, Unreachable, checked_address, connect

TOTAL_SECONDS = 15.0
BODY_SECONDS = 2.0  # for the body, once the status is known: the status is the answer
MOST_BODY = 1_000  # bytes of an answer that are kept; no more is read
AGENT = "Purser-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is None when none came, and `error` then says why; it also says why an answer does not count."""

    status: int | None
    error: str
    response: str
    milliseconds: int

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver says that it wants no more of it."""
        return self.status == 410


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed: Iterable[Network] = (),
    allow_http: bool = False,
    seconds: float = TOTAL_SECONDS,
) -> Answer:
    """Send `body`, and wait `seconds` at most in all. Redirects are not followed. Never raises for what the receiver,
    its name or the network does.
    """
    began = time.monotonic()
    status: int | None = None
    response = error = ""
    try:
        status, response = _exchange(url, body, headers, tuple(allowed), allow_http, began + seconds)
    except (Refused, Unreachable) as problem:
        error = str(problem)
    except TimeoutError:
        error = f"no answer within {seconds:g} s"
    except (OSError, http.client.HTTPException, ValueError) as problem:
        error = f"no answer that is HTTP: {str(problem) or type(problem).__name__}"
    if status is not None and 300 <= status < 400:
        error = f"answered {status}: redirects are not followed"
    elif status is not None and not 200 <= status < 300:
        error = f"answered {status}"
    return Answer(status, error[:500], response, round((time.monotonic() - began) * 1000))


def _exchange(
    url: str, body: bytes, headers: Mapping[str, str], allowed: tuple[Network, ...], allow_http: bool, deadline: float
) -> tuple[int, str]:
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    if not tls and not allow_http:
        raise Refused("only https:// addresses may be used: nothing was sent")
    host, port = parts.hostname or "", parts.port or (443 if tls else 80)
    line = connect(checked_address(host, port, allowed), port, host=host, tls=tls, deadline=deadline)
    connection = http.client.HTTPConnection(host, port)
    connection.sock = line  # it has all of a socket that is used
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"Host": parts.netloc, "User-Agent": AGENT, "Content-Type": "application/json", "Connection": "close"}
        connection.request("POST", target, body, {**sent, **headers})
        answer = connection.getresponse()
        return answer.status, _beginning(answer, line)
    finally:
        line.hang_up()


def _beginning(answer: http.client.HTTPResponse, line: Line) -> str:
    """The first of an answer's body, as far as it comes in time; for people to read, so nothing depends on it."""
    line.deadline = min(line.deadline, time.monotonic() + BODY_SECONDS)
    found = b""
    try:
        while len(found) < MOST_BODY and (piece := answer.read1(MOST_BODY - len(found))):
            found += piece
    except (OSError, http.client.HTTPException, ValueError):
        pass  # the status has been given: it counts, whatever becomes of the body
    return found.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
