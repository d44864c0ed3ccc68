"""Add-ons and what runs for the demo's workspaces, told day by day."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from accounts.models import User, Workspace
from billing.credits import clock
from billing.plans.addons.attending import ended
from billing.plans.addons.services import addon_set
from billing.plans.models import Resource, WorkspaceAddOn
from billing.plans.resources.services import Wanted, resource_delete, resource_put

Deed = Callable[[Workspace, User], object]  # what its owner, or its backend, does
PROJECT = "production"
RESOURCE_DAYS = 34  # the story has resources since


def addon(key: str, quantity: int) -> Deed:
    return lambda workspace, owner: addon_set(
        workspace=workspace, addon_key=key, quantity=quantity, key=f"demo:{key}:{quantity}", actor=owner
    )


def runs(external_id: str, kind: str, quantity: str, name: str, project: str = PROJECT) -> Deed:
    wanted = Wanted(kind, Decimal(quantity), name, project)
    return lambda workspace, _owner: resource_put(workspace=workspace, external_id=external_id, wanted=wanted)


def gone(external_id: str) -> Deed:
    return lambda workspace, _owner: resource_delete(workspace=workspace, external_id=external_id)


# Days after the workspace got credits by the month.
ADD_ONS: Mapping[int, Deed] = {3: addon("concurrency", 2), 9: addon("knowledge-bases", 1)}
# Days after the first of them.
RESOURCES: Mapping[int, tuple[Deed, ...]] = {
    0: (
        runs("ctr-support", "container", "1", "Support bot, Frankfurt"),
        runs("vol-vectors", "storage", "60", "Vector index"),
    ),
    2: (runs("dep-support-12", "deployment", "1", "Support bot, release 12"),),
    10: (runs("ctr-voice", "container", "1", "Voice gateway"),),
    16: (runs("ctr-load-test", "container", "2", "Load test", "staging"),),
    18: (gone("ctr-load-test"),),
    20: (runs("vol-vectors", "storage", "85", "Vector index"),),
    27: (runs("dep-copilot-3", "deployment", "1", "Research copilot, release 3"),),
}


def infrastructure_day(workspace: Workspace, owner: User, *, monthly: datetime, first: datetime, day: datetime) -> None:
    """What is done in the hours after `day` begins: `monthly` is when the credits by the month came, `first` when the
    first resource was made.
    """
    deeds = [*RESOURCES.get((day.date() - first.date()).days, ())]
    if added := ADD_ONS.get((day.date() - monthly.date()).days):
        deeds.append(added)
    for number, deed in enumerate(deeds):
        with clock.at(day + timedelta(hours=9, minutes=17 * number)):
            deed(workspace, owner)


def end_all(workspace: Workspace) -> None:
    """Nothing runs, and no add-on is charged, any more."""
    for resource in Resource.objects.filter(workspace=workspace, deleted_at=None):
        resource_delete(workspace=workspace, external_id=resource.external_id)
    now = clock.now()
    for held in WorkspaceAddOn.objects.filter(workspace=workspace, ended_at=None):
        ended(held, at=now)
        held.save()
