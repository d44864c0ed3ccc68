"""Who attempts what: one attempt at a time of each endpoint, written down before it is made, and its answer after.

A sender that dies in between leaves a delivery that is due again when its claim ends, with the same id.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from billing.alerts.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from billing.alerts.webhooks.schedule import failed_for_too_long, next_try, quiet
from billing.alerts.webhooks.sending import Answer
from billing.alerts.webhooks.switching import switch_off

Status = WebhookDelivery.Status
# Far more than a request takes: after that its sender is dead, not slow.
CLAIM = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that is ours to make."""

    endpoint_id: int
    delivery_id: int
    number: int
    url: str
    event_id: str
    body: bytes
    secrets: tuple[str, ...]  # as they are stored; those that sign, the newest first
    failing: bool  # the attempt before failed
    operators: bool  # the endpoint is the operator's own


def claimable(now: datetime) -> QuerySet[WebhookEndpoint]:
    """Endpoints of which an attempt may begin now."""
    due = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), status=Status.PENDING, next_attempt_at__lte=now)
    free = (Q(busy_until=None) | Q(busy_until__lte=now)) & (Q(quiet_until=None) | Q(quiet_until__lte=now))
    return WebhookEndpoint.objects.filter(free, Exists(due), off="")


def claim(*, now: datetime, limit: int, failing: bool | None = None) -> list[Claimed]:
    """Up to `limit` attempts that are due, each of another endpoint, those first that had none for longest. `failing`:
    only of those whose last attempt failed, or only of the others.
    """
    chosen = Q() if failing is None else Q(failures__gt=0) if failing else Q(failures=0)
    with transaction.atomic():
        endpoints = (
            claimable(now)
            .filter(chosen)
            .order_by(F("attempted_at").asc(nulls_first=True), "pk")
            .select_for_update(skip_locked=True)[:limit]
        )
        return [claimed for each in endpoints if (claimed := _claim(each, now)) is not None]


def _claim(endpoint: WebhookEndpoint, now: datetime) -> Claimed | None:
    due = WebhookDelivery.objects.filter(endpoint=endpoint, status=Status.PENDING, next_attempt_at__lte=now)
    delivery = due.select_related("event").order_by("next_attempt_at", "pk").first()
    if delivery is None:
        return None
    delivery.attempts += 1
    delivery.tries += 1
    delivery.next_attempt_at = now + CLAIM
    delivery.save(update_fields=["attempts", "tries", "next_attempt_at"])
    WebhookAttempt.objects.create(delivery=delivery, number=delivery.attempts, began_at=now)
    endpoint.busy_until, endpoint.attempted_at = now + CLAIM, now
    endpoint.save(update_fields=["busy_until", "attempted_at"])
    return Claimed(
        endpoint_id=endpoint.pk,
        delivery_id=delivery.pk,
        number=delivery.attempts,
        url=endpoint.url,
        event_id=delivery.event.public_id,
        body=delivery.event.payload.encode(),
        secrets=_signing(endpoint, now),
        failing=endpoint.failures > 0,
        operators=endpoint.workspace_id is None,
    )


def _signing(endpoint: WebhookEndpoint, now: datetime) -> tuple[str, ...]:
    both = endpoint.former_until is not None and endpoint.former_until > now
    return (endpoint.secret, endpoint.former_secret) if both else (endpoint.secret,)


def keep(claimed: Claimed, answer: Answer, *, now: datetime) -> None:
    """Write down what came of an attempt, and what follows from it. Of something deleted meanwhile nothing is left."""
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.select_for_update().filter(pk=claimed.endpoint_id).first()
        if endpoint is None:
            return
        attempts = WebhookAttempt.objects.filter(delivery=claimed.delivery_id, number=claimed.number)
        attempts.update(
            milliseconds=answer.milliseconds,
            status_code=answer.status,
            error=answer.error,
            response=answer.response,
        )
        _keep_delivery(claimed, answer, now)
        _keep_endpoint(endpoint, answer, now)


def _keep_delivery(claimed: Claimed, answer: Answer, now: datetime) -> None:
    deliveries = WebhookDelivery.objects.filter(pk=claimed.delivery_id, status=Status.PENDING)
    if answer.accepted:
        deliveries.update(status=Status.DELIVERED, delivered_at=now, next_attempt_at=None)
        return
    # One that was attempted again meanwhile, or sent on its way anew, has a time of its own.
    delivery = deliveries.filter(attempts=claimed.number).first()
    if delivery is None or delivery.tries == 0:
        return
    again = next_try(delivery.tries, now)
    if again is None or again > delivery.give_up_at:
        deliveries.update(status=Status.FAILED, next_attempt_at=None)
    else:
        deliveries.update(next_attempt_at=again)


def _keep_endpoint(endpoint: WebhookEndpoint, answer: Answer, now: datetime) -> None:
    endpoint.busy_until = None
    if answer.accepted:
        endpoint.failures, endpoint.failing_since, endpoint.quiet_until = 0, None, None
    else:
        endpoint.failures += 1
        endpoint.failing_since = endpoint.failing_since or now
        endpoint.quiet_until = now + quiet(endpoint.failures)
    endpoint.save(update_fields=["busy_until", "failures", "failing_since", "quiet_until"])
    if endpoint.off:
        return
    if answer.gone:
        switch_off(endpoint, WebhookEndpoint.Off.GONE, now=now)
    elif endpoint.failing_since is not None and failed_for_too_long(endpoint.failing_since, now):
        switch_off(endpoint, WebhookEndpoint.Off.FAILING, now=now)


def give_up(*, now: datetime, limit: int) -> int:
    """Deliveries whose time is over have failed: their endpoint is switched off, or too much waited for it."""
    over = WebhookDelivery.objects.filter(status=Status.PENDING, give_up_at__lte=now)
    chosen = list(over.values_list("pk", flat=True)[:limit])
    return over.filter(pk__in=chosen).update(status=Status.FAILED, next_attempt_at=None)
