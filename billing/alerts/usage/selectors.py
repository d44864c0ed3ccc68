"""Reading alerts: what is ahead, and what was told."""

from django.db.models import QuerySet

from accounts.models import Workspace
from billing.alerts.usage.engine import Target, targets
from billing.alerts.usage.facts import Stands
from billing.alerts.usage.models import UsageAlert
from billing.alerts.usage.settings import Wanted
from billing.foundation.site.selectors import site
from billing.packs.autotopup.sizing import nano_per_cent


def aims_of(here: Stands, wanted: Wanted) -> list[Target]:
    month = None if wanted.month_cents is None else wanted.month_cents * nano_per_cent(site().usd_per_credit)
    return targets(here.facts, wanted.percents, month)


def history(workspace: Workspace) -> QuerySet[UsageAlert]:
    """What was told, or waits for a summary; latest first."""
    return UsageAlert.objects.filter(workspace=workspace).exclude(told="quiet").order_by("-pk")
