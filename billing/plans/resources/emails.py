"""What people are told of their resources: each once, by the outbox's keys."""

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Membership, Workspace
from accounts.roles import Permission, Role, may
from billing.foundation.mail.telling import News, tell
from billing.foundation.site.selectors import site
from billing.plans.limits import limits_for
from billing.plans.models import ShutdownWarning
from billing.plans.resources.cost import Cover


def tell_warning(warning: ShutdownWarning) -> None:
    """The balance covers less than 48 hours."""
    at = f"{warning.shutdown_at:%-d %B, %H:%M} UTC"
    _send(
        warning,
        f"{warning.workspace}: resources will be shut down on {at}",
        "plans/email/resources_warning.txt",
        {"balance": warning.balance, "daily_cost": warning.daily_cost},
        "warning",
    )


def tell_shutdown(warning: ShutdownWarning, found: Cover) -> None:
    """The 48 hours are over."""
    _send(
        warning,
        f"{warning.workspace}: resources are being shut down",
        "plans/email/resources_shutdown.txt",
        {"balance": found.balance, "daily_cost": found.daily_cost},
        "shutdown",
    )


def tell_again(warning: ShutdownWarning, *, balance: int, daily_cost: int) -> None:
    """The balance covers 48 hours again, after the shutdown was signalled."""
    _send(
        warning,
        f"{warning.workspace}: resources may run again",
        "plans/email/resources_again.txt",
        {"balance": balance, "daily_cost": daily_cost},
        "again",
    )


def _send(warning: ShutdownWarning, subject: str, template: str, context: dict[str, int], what: str) -> None:
    page = reverse("resources:list", args=[warning.workspace.public_id])
    overdraft = limits_for(warning.workspace_id).overdraft
    link = settings.SITE_URL + page
    shown = {"warning": warning, "site": site(), "overdraft": overdraft, **context}
    news = News(
        workspace=warning.workspace,
        kind=f"resources.{what}",
        key=f"resources-{what}:{warning.pk}",
        subject=subject,
        text=render_to_string(template, shown),
        link=link,
        button="See the resources",
    )
    tell(news, to=billing_people(warning.workspace))


def billing_people(workspace: Workspace) -> list[str]:
    """Addresses of all who manage billing, in the order in which they came."""
    roles = [role for role in Role.values if may(role, Permission.MANAGE_BILLING)]
    members = Membership.objects.filter(workspace=workspace, role__in=roles, user__is_active=True)
    return [member.user.email for member in members.select_related("user").order_by("created_at", "pk")]
