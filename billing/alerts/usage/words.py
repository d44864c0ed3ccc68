"""Sentences about usage alerts."""

from billing.alerts.usage.engine import MONEY, Target
from billing.alerts.usage.facts import Stands
from billing.credits.format import credits_text
from billing.foundation.site.naming import named
from billing.foundation.site.selectors import site
from billing.invoices.money import money_text
from billing.packs.autotopup.sizing import nano_per_cent

DIGEST_RULE = (
    "The first three mails about usage in seven days are sent at once. After that there is at most one a day, which"
    " sums up what happened; that credits ran out is still told at once, once a day. There are never more than nine in"
    " seven days. Webhooks and this page are not held back."
)


def units(nano: int) -> str:
    return f"{credits_text(nano)} {site().credit_name_plural}"


def dollars(nano: int) -> str:
    """At face value, whole cents."""
    return money_text(nano // nano_per_cent(site().usd_per_credit), "usd")


def target_line(target: Target) -> str:
    if target.alert == MONEY:
        return f"Usage of this month is worth {dollars(target.used)}, above your {dollars(target.amount)}."
    if target.alert == "100":
        return named("All credits of this period are used: ") + f"{units(target.used)} were spent."
    return named(f"{target.alert} % of this period’s credits are used: ") + f"{units(target.used)} were spent."


def state_line(state: str, stands: Stands) -> str:
    if state == "stopped":
        return named("No credits are left: new requests are refused until credits are added.")
    return f"The balance is low: {units(stands.there)} are left, below {units(stands.low_bound)}."
