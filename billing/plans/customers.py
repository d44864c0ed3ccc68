"""Reading customers as the operator's backend sees them."""

from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.plans.models import Subscription


@dataclass(frozen=True)
class Customer:
    workspace: Workspace
    plan: str | None  # key
    owner: User | None  # the first one


def customers(*, before: int | None = None, limit: int) -> list[Customer]:
    """Newest first. `before`: only those whose primary key is below."""
    rows = _workspaces() if before is None else _workspaces().filter(pk__lt=before)
    return [_customer(row) for row in rows.order_by("-pk")[:limit]]


def customer(workspace: Workspace) -> Customer:
    return _customer(_workspaces().get(pk=workspace.pk))


def _workspaces() -> QuerySet[Workspace]:
    owners = Membership.objects.filter(role=Role.OWNER).select_related("user").order_by("created_at", "pk")
    current = Subscription.objects.filter(ended_at=None).select_related("version__plan")
    return Workspace.objects.prefetch_related(
        Prefetch("memberships", owners, to_attr="owners"), Prefetch("subscriptions", current, to_attr="current")
    )


def _customer(row: Workspace) -> Customer:
    subscription: Subscription | None = next(iter(row.current), None)  # type: ignore[attr-defined]
    owners: list[Membership] = row.owners  # type: ignore[attr-defined]
    return Customer(
        workspace=row,
        plan=subscription.version.plan.key if subscription else None,
        owner=owners[0].user if owners else None,
    )
