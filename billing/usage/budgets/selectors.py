"""Reading budgets and pauses. Amounts are nano-credits."""

from datetime import datetime

from accounts.models import Workspace
from billing.credits import clock
from billing.usage.budgets.holding import named, standings
from billing.usage.budgets.models import KeyPace
from billing.usage.budgets.rules import read_rules
from billing.usage.errors import Standing


def budgets_of(workspace: Workspace, now: datetime | None = None) -> list[Standing]:
    """A workspace's budgets as they stand: its own first, then those of projects, keys and members."""
    rules = read_rules(workspace.pk)
    order = ("workspace", "project", "key", "member")
    found = named(standings(rules, rules.all, now or clock.now()))
    return sorted(found, key=lambda each: (order.index(each.level), each.name, each.period, each.budget_id))


def budget_of(workspace: Workspace, pk: int, now: datetime | None = None) -> Standing | None:
    """One of them, or None."""
    rules = read_rules(workspace.pk)
    found = standings(rules, [rule for rule in rules.all if rule.id == pk], now or clock.now())
    return named(found)[0] if found else None


def paused_keys(workspace: Workspace) -> list[KeyPace]:
    """The keys that wait for a person, the latest first."""
    found = KeyPace.objects.filter(workspace=workspace, paused_at__isnull=False, api_key__revoked_at=None)
    return list(found.select_related("api_key").order_by("-paused_at"))


def paused_key_ids(workspace: Workspace) -> set[int]:
    return {pace.api_key_id for pace in paused_keys(workspace)}
