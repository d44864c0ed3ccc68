"""Reading endpoints and what became of their deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from accounts.models import Workspace
from billing.alerts.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint

PAGE = 50
Status = WebhookDelivery.Status


def endpoints_of(workspace: Workspace | None) -> QuerySet[WebhookEndpoint]:
    """Those of a workspace, with `waiting` and `failed`: how many deliveries are, of those that are kept."""
    rows = WebhookEndpoint.objects.filter(workspace=workspace)
    return rows.annotate(
        waiting=Count("deliveries", filter=Q(deliveries__status=Status.PENDING)),
        failed=Count("deliveries", filter=Q(deliveries__status=Status.FAILED)),
    )


@dataclass(frozen=True)
class Log:
    deliveries: Sequence[WebhookDelivery]
    older: int | None  # where the next page begins


def delivery_log(endpoint: WebhookEndpoint, *, status: str = "", type: str = "", before: int | None = None) -> Log:
    """The latest deliveries, each with its event and the `last_status` and `last_error` of its latest attempt."""
    latest = WebhookAttempt.objects.filter(delivery=OuterRef("pk")).order_by("-number")
    rows = WebhookDelivery.objects.filter(endpoint=endpoint).select_related("event")
    if status:
        rows = rows.filter(status=status)
    if type:
        rows = rows.filter(event__type=type)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(
        rows.annotate(
            last_status=Subquery(latest.values("status_code")[:1]), last_error=Subquery(latest.values("error")[:1])
        ).order_by("-pk")[: PAGE + 1]
    )
    return Log(found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None)
