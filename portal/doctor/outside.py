"""What lies outside: the address under which customers come, the mail server, Stripe."""

import smtplib
import urllib.error
import urllib.request
from collections.abc import Iterator

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage

from billing.foundation.outbox.transport import Transport, opened, smtp_connection, transport
from billing.gateway import standing
from billing.gateway.endpoint import endpoint_url
from billing.gateway.errors import GatewayError, NotConnected
from portal.doctor.findings import Finding, first_line, note, ok, wrong

PATIENCE = 10  # seconds for an answer
CONNECT_STRIPE = "Run manage.py stripe_connect."


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_more: object) -> None:
        """An address that sends somewhere else is not ours."""


def address() -> Iterator[Finding]:
    """SITE_URL is what links, cookies and Stripe's webhooks lead to: does it lead here?"""
    url = f"{settings.SITE_URL}/healthz"
    try:
        status = _status(urllib.request.Request(url, headers={"User-Agent": "Purser doctor"}))  # noqa: S310 - ours
    except OSError as error:
        fix = "Start the web process and the proxy, or correct SITE_URL. Not every network lets a machine reach itself."
        yield wrong("address", f"{settings.SITE_URL} does not answer: {first_line(error)}", fix)
        return
    if status == 200:
        yield ok("address", f"{settings.SITE_URL} leads to this portal")
    else:
        yield wrong("address", f"{url} answers {status}", "See the proxy's configuration, and ALLOWED_HOSTS.")


def webhook_address() -> Iterator[Finding]:
    """What is not signed by Stripe must arrive, and be refused by us."""
    request = urllib.request.Request(  # noqa: S310 - ours
        endpoint_url(), data=b"{}", headers={"Content-Type": "application/json", "User-Agent": "Purser doctor"}
    )
    try:
        status = _status(request)
    except OSError as error:
        fix = "Let the proxy pass POST requests below /stripe/ on."
        yield wrong("webhook address", f"{endpoint_url()} does not answer: {first_line(error)}", fix)
        return
    if status == 400:
        yield ok("webhook address", f"{endpoint_url()} refuses what Stripe has not signed")
    else:
        fix = "The proxy must pass POST requests below /stripe/ on as they are, without a sign-in or a cookie check."
        yield wrong("webhook address", f"{endpoint_url()} answers {status} instead of 400", fix)


def _status(request: urllib.request.Request) -> int:
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=PATIENCE) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def mail() -> Iterator[Finding]:
    way = transport()
    if way is Transport.LOCAL:
        yield note("e-mail", "kept on the page /outbox/, never sent: this is a demo", "EMAIL_URL sends it.")
        return
    if way is Transport.NONE:
        yield wrong("e-mail", "messages wait: nothing tells how to send them", "Set EMAIL_URL and DEFAULT_FROM_EMAIL.")
        return
    try:
        connection = smtp_connection()
        opened(connection)
        connection.close()
    except (OSError, smtplib.SMTPException, ImproperlyConfigured) as error:
        fix = "See host, port, encryption, user and password in EMAIL_URL (percent-encoded)."
        yield wrong("e-mail", f"the server does not let us in: {first_line(error)}", fix)
    else:
        yield ok("e-mail", f"{connection.host}:{connection.port} lets us in; --mail-to sends a message")


def test_message(to: str) -> Iterator[Finding]:
    """A message of its own, past the outbox, to see it arrive."""
    if transport() is not Transport.SMTP:
        yield wrong("test message", "not sent", "Set EMAIL_URL first.")
        return
    message = EmailMessage(
        "Purser can send e-mail",
        f"This message was sent by manage.py doctor of {settings.SITE_URL}.\n\nIf it is in the spam folder, see"
        " SPF, DKIM and DMARC of the sender's domain.\n",
        settings.DEFAULT_FROM_EMAIL,
        [to],
        connection=smtp_connection(),
    )
    try:
        message.send()
    except (OSError, smtplib.SMTPException, ImproperlyConfigured) as error:
        yield wrong("test message", f"not taken: {first_line(error)}", "Is the domain of DEFAULT_FROM_EMAIL verified?")
    else:
        yield ok("test message", f"handed over for {to}")


def payments() -> Iterator[Finding]:
    if not settings.STRIPE_SECRET_KEY:
        yield note("Stripe", "not connected: nobody can buy", "Set STRIPE_SECRET_KEY; run manage.py stripe_connect.")
        return
    try:
        yield from _account()
        yield from _endpoint()
        yield from _undelivered()
    except NotConnected as error:
        yield wrong("Stripe", first_line(error), "Correct STRIPE_SECRET_KEY.")
    except GatewayError as error:
        yield wrong("Stripe", first_line(error), "Can this machine reach api.stripe.com on port 443?")


def _account() -> Iterator[Finding]:
    found = standing.account()
    mode = "simulated" if settings.SIMULATED_PAYMENTS else "live" if settings.STRIPE_LIVE_MODE else "test mode"
    words = f"{found.name}, {mode}"
    if not found.charges_enabled:
        yield wrong("Stripe", f"{words}: it may not take payments yet", "Finish the activation in Stripe's dashboard.")
    elif mode == "live":
        yield ok("Stripe", words)
    else:
        yield note("Stripe", f"{words}: no money moves", "A live key takes real payments.")


def _endpoint() -> Iterator[Finding]:
    found = standing.endpoint()
    if not found.exists:
        yield wrong("Stripe's webhooks", f"Stripe has no endpoint for {found.url}", CONNECT_STRIPE)
    elif not found.enabled:
        yield wrong("Stripe's webhooks", "Stripe has switched our endpoint off", CONNECT_STRIPE)
    elif found.missing:
        lacking = ", ".join(found.missing[:3]) + (", …" if len(found.missing) > 3 else "")
        yield wrong("Stripe's webhooks", f"{len(found.missing)} kinds of events are missing: {lacking}", CONNECT_STRIPE)
    elif not found.known:
        yield wrong("Stripe's webhooks", "the secret of our endpoint is not known here", CONNECT_STRIPE)
    else:
        yield ok("Stripe's webhooks", f"come to {found.url}")


def _undelivered() -> Iterator[Finding]:
    found = standing.undelivered()
    if not found.count or found.oldest is None:
        yield ok("Stripe's events", "all of the last three days arrived")
        return
    count = f"{found.count} or more" if found.count >= standing.MOST_EVENTS else str(found.count)
    yield note(
        "Stripe's events",
        f"{count} of the last three days did not arrive yet, the oldest of {found.oldest:%Y-%m-%d %H:%M} UTC",
        "Stripe tries again for three days. Its dashboard says what our endpoint answered.",
    )
