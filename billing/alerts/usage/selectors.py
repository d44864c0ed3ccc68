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


def ahead(workspace: Workspace, here: Stands, wanted: Wanted) -> list[Target]:
    """What is still to be told: neither reached nor, before a gift made the whole larger, told already."""
    aims = [each for each in aims_of(here, wanted) if not each.reached]
    rows = UsageAlert.objects.filter(workspace=workspace, key__in={here.key(each) for each in aims})
    told = set(rows.values_list("alert", "key"))
    return [each for each in aims if (each.alert, here.key(each)) not in told]


def history(workspace: Workspace) -> QuerySet[UsageAlert]:
    """What was told, or waits for a summary; latest first."""
    return UsageAlert.objects.filter(workspace=workspace).exclude(told="quiet").order_by("-pk")
