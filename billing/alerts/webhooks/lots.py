"""Credits that came in, and those that will expire: each lot once."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, Exists, Max, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from billing.alerts.webhooks.amounts import amount
from billing.alerts.webhooks.emitting import event_emit, moment
from billing.alerts.webhooks.models import WebhookEndpoint, WebhookEvent, WebhookWatch
from billing.credits import clock
from billing.ledger.accounts import EXTEND
from billing.ledger.models import Lot, Wallet

# What came in longer ago is history: what is imported or made up for a demo, for example.
NEWS = timedelta(days=1)
# A lot's number is drawn some time before it is committed, so the latest ones are looked at again.
SETTLED = timedelta(hours=1)
EXPIRING = timedelta(days=7)


def credits_came(workspace_ids: Sequence[int]) -> None:
    """Subscriber of `credits_came_in`, so that who listens hears at once. All others are left to the job, as is what is
    lost with a process that dies here.
    """
    theirs = Q(workspace_id__in=workspace_ids) | Q(workspace=None)
    if WebhookEndpoint.objects.filter(theirs, off="", event_types__contains=["grant.created"]).exists():
        came = _came_in().filter(workspace_id__in=workspace_ids)
        _tell_granted(_untold(came, "grant:", clock.now() - NEWS))


def lots_look(*, now: datetime, limit: int) -> int:
    """Tell of up to `limit` lots that nobody was told of; how many."""
    watch, _made = WebhookWatch.objects.get_or_create(
        pk=1, defaults={"lot_id": Lot.objects.aggregate(last=Max("pk"))["last"] or 0}
    )
    found = list(_untold(_came_in().filter(pk__gt=watch.lot_id), "grant:", now - NEWS)[:limit])
    _tell_granted(found)
    if len(found) < limit:
        settled = Lot.objects.filter(pk__gt=watch.lot_id, created_at__lt=now - SETTLED).aggregate(last=Max("pk"))[
            "last"
        ]
        if settled is not None:
            WebhookWatch.objects.filter(pk=1, lot_id__lt=settled).update(lot_id=settled)
    return len(found)


def _came_in() -> QuerySet[Lot]:
    """Without those in which others go on: nothing came in by them."""
    return Lot.objects.exclude(operation__kind=EXTEND)


def _untold(lots: QuerySet[Lot], prefix: str, since: datetime) -> QuerySet[Lot]:
    key = Concat(Value(prefix), Cast("pk", CharField()))
    told = WebhookEvent.objects.filter(workspace=OuterRef("workspace"), key=OuterRef("event_key"))
    fresh = lots.filter(created_at__gte=since).annotate(event_key=key).filter(~Exists(told))
    return fresh.select_related("workspace", "operation").order_by("pk")


def _tell_granted(lots: Iterable[Lot]) -> None:
    for lot in lots:
        data = {**_data(lot), "kind": lot.operation.kind, "starts_at": moment(lot.effective_at)}
        event_emit(lot.workspace, "grant.created", f"grant:{lot.pk}", data, at=lot.created_at)


def expiring_tell(*, now: datetime, limit: int) -> int:
    """Tell of up to `limit` lots that have credits left and expire within seven days; how many."""
    soon = Wallet.objects.filter(next_due_at__lte=now + EXPIRING)
    key = Concat(Value("expiring:"), Cast("pk", CharField()))
    told = WebhookEvent.objects.filter(workspace=OuterRef("workspace"), key=OuterRef("event_key"))
    lots = (
        Lot.objects.filter(workspace__wallet__in=soon, open=True, scheduled=False)
        .filter(expires_at__gt=now, expires_at__lte=now + EXPIRING)
        .annotate(event_key=key)
        .filter(~Exists(told))
    )
    found = list(lots.select_related("workspace").order_by("expires_at", "pk")[:limit])
    for lot in found:
        event_emit(
            lot.workspace, "lot.expiring", f"expiring:{lot.pk}", {**_data(lot), **amount("remaining", lot.remaining)}
        )
    return len(found)


def _data(lot: Lot) -> dict[str, Any]:
    return {
        "lot": {
            "id": lot.pk,
            "source": lot.source,
            "label": lot.label,
            "expires_at": moment(lot.expires_at) if lot.expires_at else None,
        },
        **amount("credits", lot.amount),
    }
