"""Making and changing endpoints. Every change is in the audit log, without the secrets."""

from collections.abc import Iterable
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import User, Workspace
from billing.alerts.webhooks.addresses import may_reach
from billing.alerts.webhooks.delivery import allowed_networks
from billing.alerts.webhooks.emitting import GIVE_UP, event_for, hint
from billing.alerts.webhooks.keeping import kept_secret
from billing.alerts.webhooks.models import WebhookDelivery, WebhookEndpoint, new_event_id
from billing.alerts.webhooks.signing import new_secret
from billing.alerts.webhooks.types import OFFERED, TEST
from billing.credits import clock
from billing.foundation.audit.services import record

MOST = 20  # of a workspace, and of the operator
OVERLAP = timedelta(hours=24)  # after a rotation both secrets sign


def endpoint_create(
    *,
    workspace: Workspace | None,
    url: str,
    event_types: Iterable[str],
    description: str = "",
    by: User,
    request: HttpRequest | None = None,
) -> tuple[WebhookEndpoint, str]:
    """An endpoint of a workspace (None: the operator's) and its secret, which is not shown again. Raises Refused."""
    url, types = checked_url(url, operators=workspace is None), _types(event_types)
    plain = new_secret()
    with transaction.atomic():
        if workspace is not None:
            Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)  # or two make the last one
        if WebhookEndpoint.objects.filter(workspace=workspace).count() >= MOST:
            raise Refused(f"There are {MOST} webhooks already: delete one that nobody needs.")
        endpoint = WebhookEndpoint.objects.create(
            workspace=workspace,
            url=url,
            description=_tidy(description),
            event_types=types,
            secret=kept_secret(plain),
            created_by=by,
        )
        _audit("created", endpoint, by, request, after=_terms(endpoint))
    return endpoint, plain


def endpoint_change(
    *,
    endpoint: WebhookEndpoint,
    url: str,
    event_types: Iterable[str],
    description: str,
    by: User,
    request: HttpRequest | None = None,
) -> None:
    """Another address, other events. What is on its way goes to the new address. Raises Refused."""
    url, types = checked_url(url, operators=endpoint.workspace_id is None), _types(event_types)
    with transaction.atomic():
        current = _locked(endpoint)
        before = _terms(current)
        current.url, current.event_types, current.description = url, types, _tidy(description)
        if before != _terms(current):
            current.save(update_fields=["url", "event_types", "description"])
            _audit("changed", current, by, request, before=before, after=_terms(current))


def secret_rotate(*, endpoint: WebhookEndpoint, by: User, request: HttpRequest | None = None) -> str:
    """A new secret, which is not shown again. For 24 hours the one before signs as well. Raises Refused."""
    plain = new_secret()
    with transaction.atomic():
        current = _locked(endpoint)
        current.former_secret, current.former_until = current.secret, clock.now() + OVERLAP
        current.secret = kept_secret(plain)
        current.save(update_fields=["secret", "former_secret", "former_until"])
        _audit("secret_rotated", current, by, request, after={"former_until": current.former_until})
    return plain


def endpoint_switch(*, endpoint: WebhookEndpoint, on: bool, by: User, request: HttpRequest | None = None) -> bool:
    """Switch it on or off; False if it was that already. On again it has a clean slate, and what still waits is sent;
    events that happened meanwhile are not made up for. Raises Refused.
    """
    with transaction.atomic():
        current = _locked(endpoint)
        if on == (not current.off):
            return False
        current.off, current.off_at = ("", None) if on else (WebhookEndpoint.Off.PERSON, clock.now())
        if on:
            current.failures, current.failing_since, current.quiet_until = 0, None, None
            transaction.on_commit(hint, robust=True)
        current.save(update_fields=["off", "off_at", "failures", "failing_since", "quiet_until"])
        _audit("switched_on" if on else "switched_off", current, by, request)
    return True


def endpoint_delete(*, endpoint: WebhookEndpoint, by: User, request: HttpRequest | None = None) -> None:
    """It and its log are gone, and so is what was on its way. Raises Refused."""
    with transaction.atomic():
        current = _locked(endpoint)
        _audit("deleted", current, by, request, before=_terms(current))
        current.delete()


def send_test(*, endpoint: WebhookEndpoint, by: User) -> WebhookDelivery:
    """Send a `webhook.test` to it, whatever it listens to. Raises Refused when it is switched off."""
    with transaction.atomic():
        current = _locked(endpoint)
        if current.off:
            raise Refused("It is switched off: switch it on first.")
        data = {"message": "This is a test.", "endpoint": current.public_id, "sent_by": by.email}
        event = event_for(current, TEST, f"test:{new_event_id()}", data)
        delivery: WebhookDelivery = event.deliveries.get()
    return delivery


def delivery_resend(*, delivery: WebhookDelivery, by: User, request: HttpRequest | None = None) -> None:
    """Send it now, once more if it was delivered, with the whole schedule before it; its webhook-id stays. Raises
    Refused.
    """
    with transaction.atomic():
        endpoint = _locked(delivery.endpoint)
        if endpoint.off:
            raise Refused("It is switched off: switch it on first.")
        now = clock.now()
        WebhookDelivery.objects.filter(pk=delivery.pk).update(
            status=WebhookDelivery.Status.PENDING,
            tries=0,
            next_attempt_at=now,
            give_up_at=now + GIVE_UP,
            delivered_at=None,
        )
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(quiet_until=None)
        _audit("resent", endpoint, by, request, after={"event": delivery.event.public_id})
        transaction.on_commit(hint, robust=True)


def checked_url(text: str, *, operators: bool) -> str:
    """The address as it is kept; `operators`: for an endpoint of the operator. Raises Refused for one that could not be
    used. Names are looked up when something is sent, for that is when it matters.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError):
        raise Refused("This is not a web address.", field="url") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise Refused("It must look like https://example.com/webhooks.", field="url")
    if parts.scheme == "http" and not settings.WEBHOOK_ALLOW_HTTP:
        raise Refused("It must begin with https://, so that nobody on the way reads it.", field="url")
    if "@" in parts.netloc or "#" in url:
        raise Refused("A name, a password or a #part in it would not be sent.", field="url")
    if not url.isprintable() or " " in url or not (parts.path + parts.query).isascii():
        raise Refused("Spaces and letters beyond ASCII must be written as %20 and the like.", field="url")
    _check_literal(host, operators=operators)
    name = f"[{host}]" if ":" in host else host
    kept = parts._replace(netloc=f"{name}:{port}" if port else name).geturl()
    if len(kept) > 1000:
        raise Refused("It is too long: 1,000 characters at most.", field="url")
    return kept


def _check_literal(host: str, *, operators: bool) -> None:
    try:
        ip_address(host)
    except ValueError:
        return  # a name
    if not may_reach(host, allowed_networks(operators=operators)):
        raise Refused("It is not a public address.", field="url")


def _types(chosen: Iterable[str]) -> list[str]:
    wanted = set(chosen)
    if not wanted or wanted - OFFERED.keys():
        raise Refused("Choose at least one of the events.", field="event_types")
    return [name for name in OFFERED if name in wanted]


def _tidy(text: str) -> str:
    return " ".join(text.replace("\x00", "").split())[:120]


def _locked(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    rows = WebhookEndpoint.objects.select_for_update(of=("self",)).select_related("workspace")
    current = rows.filter(pk=endpoint.pk).first()
    if current is None:
        raise Refused("This webhook was deleted by someone else.")
    return current


def _terms(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {"url": endpoint.url, "description": endpoint.description, "events": list(endpoint.event_types)}


def _audit(what: str, endpoint: WebhookEndpoint, by: User, request: HttpRequest | None, **values: Any) -> None:
    record(
        action=f"webhook_endpoint.{what}",
        actor=by,
        workspace=endpoint.workspace,
        target=endpoint.public_id,
        request=request,
        **values,
    )
