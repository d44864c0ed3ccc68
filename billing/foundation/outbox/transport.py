"""How messages leave the house: SMTP as EMAIL_URL says, the local outbox page, or not at all."""

import smtplib
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address

TIMEOUT_SECONDS = 15


class Transport(StrEnum):
    SMTP = "smtp"
    LOCAL = "local"  # shown at /outbox/, never sent
    NONE = "none"  # messages wait until somebody sets EMAIL_URL


@dataclass(frozen=True)
class Server:
    host: str
    port: int
    user: str
    password: str
    starttls: bool
    tls: bool  # from the first byte


def transport() -> Transport:
    if settings.EMAIL_URL:
        return Transport.SMTP
    return Transport.LOCAL if settings.DEMO else Transport.NONE


# scheme -> (port, STARTTLS, TLS from the first byte); `?tls=1` and `?ssl=1` say so explicitly
_SCHEMES = {
    "smtp": (25, False, False),
    "smtp+tls": (587, True, False),
    "submission": (587, True, False),
    "smtps": (465, False, True),
    "smtp+ssl": (465, False, True),
}


def parse_email_url(url: str) -> Server:
    """The server that `smtp://user:password@host:port` names; raises ImproperlyConfigured."""
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ImproperlyConfigured("EMAIL_URL must look like smtp://user:password@host:587?tls=1 or smtps://…")
    port, starttls, tls = _SCHEMES[parts.scheme]
    query = {name: values[-1].lower() in ("1", "true", "yes", "on") for name, values in parse_qs(parts.query).items()}
    tls = query.get("ssl", tls)
    starttls = not tls and query.get("tls", starttls)
    if "ssl" not in query and parts.scheme == "smtps" and parts.port == 587:
        tls, starttls = False, True  # 587 speaks STARTTLS whatever the scheme is called
    return Server(
        host=parts.hostname,
        port=parts.port or (465 if tls else 587 if starttls else port),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=starttls,
        tls=tls,
    )


def smtp_connection() -> EmailBackend:
    server = parse_email_url(settings.EMAIL_URL)
    return EmailBackend(
        host=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.starttls,
        use_ssl=server.tls,
        timeout=TIMEOUT_SECONDS,
    )


def opened(connection: EmailBackend) -> smtplib.SMTP:
    """The SMTP session, logged in; raises whatever keeps it from being one."""
    connection.open()
    if connection.connection is None:
        raise OSError("no connection")
    return connection.connection


class NotAccepted(Exception):
    """The server did not take the message: it may be offered again."""


class Uncertain(Exception):
    """The connection broke while the message was handed over: nobody knows whether it was taken."""


def hand_over(smtp: smtplib.SMTP, *, sender: str, to: list[str], content: bytes) -> dict[str, str]:
    """Offer one message and return the recipients that were refused, each with the server's words.

    Done step by step, unlike `SMTP.sendmail`, because only an error after DATA leaves it open whether the message
    was taken; that is where a blind retry would send twice.
    """
    refused: dict[str, str] = {}
    written: dict[str, str] = {}
    for address in to:
        try:
            written[address] = _envelope(address)
        except ValueError as error:
            refused[address] = str(error)
    try:
        _expect(smtp.mail(_envelope(sender)))
        for address, mailbox in written.items():
            code, words = smtp.rcpt(mailbox)
            if code not in (250, 251):
                refused[address] = _words(code, words)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotAccepted(str(error) or type(error).__name__) from error
    if len(refused) == len(set(to)):
        raise NotAccepted("; ".join(f"{address}: {words}" for address, words in refused.items()))
    try:
        code, words = smtp.data(content)
    except smtplib.SMTPDataError as error:  # DATA itself was refused, before the content
        raise NotAccepted(_words(error.smtp_code, error.smtp_error)) from error
    except (smtplib.SMTPException, OSError) as error:
        raise Uncertain(str(error) or type(error).__name__) from error
    if code != 250:
        raise NotAccepted(_words(code, words))
    return refused


def _envelope(address: str) -> str:
    """`address` as SMTP writes it; raises ValueError where it cannot be one."""
    try:
        return sanitize_address(address, "utf-8")
    except Exception as error:  # Django meets half-written ones with all kinds of errors
        raise ValueError(f"cannot be written as an address ({str(error) or type(error).__name__})") from error


def _expect(answer: tuple[int, bytes]) -> None:
    if answer[0] != 250:
        raise NotAccepted(_words(*answer))


def _words(code: int, words: bytes | str) -> str:
    return f"{code} {words.decode('utf-8', 'replace') if isinstance(words, bytes) else words}"
