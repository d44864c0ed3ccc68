"""What the people who manage billing are told about add-ons: each once, by the outbox's keys."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from billing.foundation.mail.telling import News, tell
from billing.foundation.site.naming import named
from billing.foundation.site.selectors import site
from billing.invoices.profiles import recipients
from billing.plans.addons.words import in_credits, to_add
from billing.plans.hooks import Shortfall
from billing.plans.models import WorkspaceAddOn


def tell_not_covered(held: WorkspaceAddOn, news: Shortfall) -> None:
    """The 48-hour warning."""
    amounts = {"needed": in_credits(news.needed), "missing": to_add(news.missing)}
    _send(held, "short", f"{named('Not enough credits')} for {held.name}", amounts)


def tell_suspended(held: WorkspaceAddOn) -> None:
    _send(held, "suspended", f"{held.name} is suspended", {})


def tell_active_again(held: WorkspaceAddOn, charged: int, since: datetime) -> None:
    shown = {"charged": in_credits(charged), "monthly": in_credits(held.monthly)}
    _send(held, "resumed", f"{held.name} is active again", shown, since=since)


def _send(
    held: WorkspaceAddOn, what: str, subject: str, shown: dict[str, Any], *, since: datetime | None = None
) -> None:
    when = since or held.short_since
    workspace = held.workspace
    link = settings.SITE_URL + reverse("addons:list", args=[workspace.public_id])
    buy = settings.SITE_URL + reverse("packs:buy", args=[workspace.public_id])
    context = {"held": held, "workspace": workspace, "site": site(), **shown}
    news = News(
        workspace=workspace,
        kind=f"addon.{what}",
        key=f"addon-{what}:{held.pk}:{when:%Y%m%dT%H%M%S%f}",
        subject=f"{subject} ({workspace.name})",
        text=render_to_string(f"plans/email/addon_{what}.txt", context),
        link=link,
        button="See your add-ons",
        also=() if what == "resumed" else ((named("Add credits"), buy),),
    )
    tell(news, to=recipients(workspace))
