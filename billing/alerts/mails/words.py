"""Amounts and days as mails say them."""

from datetime import datetime

from accounts.models import Workspace
from billing.credits.format import credits_text
from billing.foundation.site.selectors import site
from billing.metering.selectors.days import zone


def amount(nano: int) -> str:
    """`nano` nano-credits: "1,000 credits"."""
    number = credits_text(nano)
    return f"{number} {site().credit_name if number == '1' else site().credit_name_plural}"


def day(workspace: Workspace, at: datetime) -> str:
    """The day and time in the workspace's time zone: "3 February 2027, 14:00 (Europe/Vienna)"."""
    return f"{at.astimezone(zone(workspace.time_zone)):%-d %B %Y, %H:%M} ({workspace.time_zone})"
