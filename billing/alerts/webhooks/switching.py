"""Switching endpoints off by themselves, and telling those who can mend them."""

from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Membership
from accounts.roles import Permission, Role, may
from billing.alerts.webhooks.models import WebhookAttempt, WebhookEndpoint
from billing.foundation.audit.services import record
from billing.foundation.mail.others import alarm
from billing.foundation.mail.telling import News, tell
from billing.foundation.operators import operators
from billing.foundation.site.selectors import site

KIND = "webhooks.off"
MANAGES = Permission.MANAGE_WORKSPACE


def switch_off(endpoint: WebhookEndpoint, why: WebhookEndpoint.Off, *, now: datetime) -> None:
    """Within a transaction that has the endpoint's row locked, and found it on. What waits is not sent."""
    endpoint.off, endpoint.off_at = why, now
    endpoint.save(update_fields=["off", "off_at"])
    record(
        action="webhook_endpoint.switched_off",
        actor="system",
        workspace=endpoint.workspace,
        target=endpoint.public_id,
        reason=why.label,
    )
    _tell(endpoint, now)


def _tell(endpoint: WebhookEndpoint, now: datetime) -> None:
    to = addresses(endpoint)
    if not to:
        return
    last = WebhookAttempt.objects.filter(delivery__endpoint=endpoint).exclude(error="").order_by("-began_at").first()
    shown = {
        "endpoint": endpoint,
        "product": site().product_name,
        "gone": endpoint.off == WebhookEndpoint.Off.GONE,
        "last_error": last.error if last else "",
    }
    key = f"webhook-off:{endpoint.pk}:{int(now.timestamp())}"
    subject = f"A webhook of {endpoint.workspace or site().product_name} was switched off"
    text = render_to_string("webhooks/email/off.txt", shown)
    link, button = settings.SITE_URL + page_of(endpoint), "See the webhook"
    if endpoint.workspace is None:
        alarm(kind=KIND, key=key, subject=subject, text=text, link=link, button=button)
    else:
        tell(News(endpoint.workspace, KIND, key, subject, text, link, button), to=to)


def page_of(endpoint: WebhookEndpoint) -> str:
    if endpoint.workspace is None:
        return reverse("admin:alerts_webhookendpoint_change", args=[endpoint.pk])
    return reverse("webhooks:endpoint", args=[endpoint.workspace.public_id, endpoint.public_id])


def addresses(endpoint: WebhookEndpoint) -> list[str]:
    """Of all who may mend it."""
    if endpoint.workspace is None:
        return operators()
    roles = [role for role in Role.values if may(role, MANAGES)]
    members = Membership.objects.filter(workspace=endpoint.workspace, role__in=roles, user__is_active=True)
    return list(members.order_by("created_at", "pk").values_list("user__email", flat=True))
