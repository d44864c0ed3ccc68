"""Writing down that something happened, with a delivery for each endpoint that is to hear of it. No network in it."""

import logging
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import simplejson
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import Workspace
from billing.alerts.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent, new_event_id
from billing.alerts.webhooks.types import OFFERED
from billing.credits import clock

log = logging.getLogger(__name__)

# After so long nothing is attempted any more, whatever is left of the schedule (which ends after 75 h 35 min).
GIVE_UP = timedelta(hours=84)
HINT_EVERY = 1.0  # seconds, per process: who delivers looks for all that is due

_hinted_at = -HINT_EVERY


def event_emit(
    workspace: Workspace, type: str, key: str, data: Mapping[str, Any], *, at: datetime | None = None
) -> WebhookEvent | None:
    """Record an event of a workspace in the caller's transaction; it is sent after the commit, or never if that does
    not come. None when one with this key was recorded before (keys are the workspace's own): nothing is written then.

    `data` is what the type's documentation says; Decimals become exact JSON numbers. `at`: when it happened, else now.
    Raises LookupError for a type that is not offered.
    """
    OFFERED[type]
    said = {"workspace": {"id": workspace.public_id, "external_id": workspace.external_id}, **data}
    with transaction.atomic():
        event = _write(workspace, type, key, said, at or clock.now())
        if event is not None:
            send_to(event, _listeners(workspace, type))
    return event


def _listeners(workspace: Workspace, type: str) -> QuerySet[WebhookEndpoint]:
    mine_or_operators = Q(workspace=workspace) | Q(workspace=None)
    return WebhookEndpoint.objects.filter(mine_or_operators, off="", event_types__contains=[type])


def _write(
    workspace: Workspace | None, type: str, key: str, data: Mapping[str, Any], at: datetime
) -> WebhookEvent | None:
    body = {"type": type, "timestamp": moment(at), "data": data}
    values = {
        "public_id": new_event_id(),
        "type": type,
        "payload": simplejson.dumps(body, use_decimal=True, ensure_ascii=True),
        "created_at": clock.now(),
    }
    event, made = WebhookEvent.objects.get_or_create(workspace=workspace, key=key, defaults=values)
    return event if made else None


def event_for(endpoint: WebhookEndpoint, type: str, key: str, data: Mapping[str, Any]) -> WebhookEvent:
    """An event for one endpoint only, whatever it listens to: tests."""
    with transaction.atomic():
        event = _write(endpoint.workspace, type, key, data, clock.now())
        if event is None:
            raise ValueError(f"there is an event {key} already")
        send_to(event, [endpoint])
    return event


def send_to(event: WebhookEvent, endpoints: Iterable[WebhookEndpoint]) -> None:
    """Send an event on its way, and have a worker deliver it once that is committed."""
    now = clock.now()
    rows = [
        WebhookDelivery(event=event, endpoint=each, next_attempt_at=now, give_up_at=now + GIVE_UP, created_at=now)
        for each in endpoints
    ]
    if WebhookDelivery.objects.bulk_create(rows):
        transaction.on_commit(hint, robust=True)


def moment(at: datetime) -> str:
    """RFC 3339, UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def hint() -> None:
    """Ask a worker to deliver now; when none hears it, the job does within ten seconds."""
    global _hinted_at
    if time.monotonic() - _hinted_at < HINT_EVERY:
        return
    _hinted_at = time.monotonic()
    from billing.alerts.webhooks.tasks import deliver_webhooks_task  # which imports what delivers, and that this

    try:
        deliver_webhooks_task.apply_async(retry=False, expires=60)
    except Exception as error:  # whatever is wrong with the broker, the deliveries are safe in their rows
        log.warning("no worker could be told that webhooks are due: %s", error)
