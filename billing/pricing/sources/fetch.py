"""Fetching a catalogue from the address the operator set: https, so many bytes, so many seconds, and no more."""

from ipaddress import ip_address
from time import monotonic
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from billing.pricing.sources.rows import SourceError

MOST_BYTES = 64 * 1024 * 1024
IDLE_SECONDS = 20.0  # without a byte
ALL_SECONDS = 120.0
CHUNK = 256 * 1024


def check_url(url: str) -> None:
    """Raise SourceError unless `url` is https, or http to this machine (a mirror beside the portal)."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise SourceError("the address must begin with https://")
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise SourceError("prices are fetched by https only, except from this machine itself")


def fetch_text(url: str) -> str:
    """The document at `url`. Raises SourceError: not there, not complete, too large, too slow, not text."""
    check_url(url)
    opener = build_opener(_Checked)
    request = Request(url, headers={"Accept": "application/json", "User-Agent": "Purser"})  # noqa: S310 (checked above)
    try:
        with opener.open(request, timeout=IDLE_SECONDS) as response:
            content = _read(response, response.headers.get("Content-Length"))
    except HTTPError as error:
        raise (
            NotThere(error.code)
            if error.code in (404, 410)
            else SourceError(f"the server answered {error.code} {error.reason}")
        ) from error
    except URLError as error:
        raise SourceError(f"it cannot be reached: {getattr(error.reason, 'strerror', None) or error.reason}") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"it cannot be read: {error or type(error).__name__}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError("it is not text in UTF-8") from error


class NotThere(SourceError):
    """404 or 410."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status}: there is nothing at this address")


class _Checked(HTTPRedirectHandler):
    """Follows a redirect only to where the first request could have gone."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        check_url(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _read(response: IO[bytes], announced: str | None) -> bytes:
    until = monotonic() + ALL_SECONDS
    parts: list[bytes] = []
    size = 0
    while part := response.read(CHUNK):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise SourceError(f"it is larger than {MOST_BYTES // 1024 // 1024} MB")
        if monotonic() > until:
            raise SourceError(f"it took longer than {ALL_SECONDS:.0f} seconds")
    if announced and announced.isdecimal() and int(announced) != size:
        raise SourceError(f"it broke off: {size:,} of {int(announced):,} bytes came")
    return b"".join(parts)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
