"""Limits of one workspace's own, in place of its plan's: agreed by staff, kept whatever plan it is on."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from accounts.models import User, Workspace
from billing.credits.units import credits
from billing.foundation.audit.services import record
from billing.foundation.seen import SeenChanged, facts_digest
from billing.ledger.book import open_book
from billing.plans.limits import forget_limits
from billing.plans.models import Subscription, WorkspaceLimits


def overdraft_of(workspace_id: int, of_plan: int) -> int:
    """Nano-credits that authorisations may go below zero: the workspace's own, else its plan's."""
    own = WorkspaceLimits.objects.filter(pk=workspace_id).values_list("overdraft", flat=True).first()
    return of_plan if own is None else own


def limits_of(workspace: Workspace) -> WorkspaceLimits:
    """Its own; a row that is not saved yet where it has none."""
    return WorkspaceLimits.objects.filter(pk=workspace.pk).first() or WorkspaceLimits(workspace=workspace)


def limits_digest(row: WorkspaceLimits) -> str:
    return facts_digest(row.overdraft, row.concurrency, sorted(row.request_limits.items()))


def limits_set(
    *,
    workspace: Workspace,
    overdraft: int | None,
    concurrency: int | None,
    request_limits: Mapping[str, Decimal],
    by: User,
    reason: str,
    seen: str | None = None,
    request: HttpRequest | None = None,
) -> bool:
    """Let these hold from now on (in other processes within five seconds); None and an empty mapping: the plan's. False
    when nothing changed. `overdraft` in nano-credits. `seen`: the digest of those that somebody decided by
    (`limits_digest`); raises SeenChanged when others hold meanwhile.
    """
    after: dict[str, Any] = {
        "overdraft": overdraft,
        "concurrency": concurrency,
        "request_limits": {meter: f"{most.normalize():f}" for meter, most in sorted(request_limits.items())},
    }
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        row = limits_of(workspace)
        if seen is not None and seen != limits_digest(row):
            raise SeenChanged
        before = {name: getattr(row, name) for name in after}
        if before == after:
            return False
        for name, value in after.items():
            setattr(row, name, value)
        row.save()
        # After the workspace, the subscription: who changes its plan meanwhile asks for the workspace's own then.
        current = Subscription.objects.select_for_update(of=("self",), no_key=True).select_related("version")
        subscription = current.filter(workspace=workspace, ended_at=None).first()
        limit = overdraft if overdraft is not None else subscription.version.overdraft if subscription else 0
        with open_book(workspace.pk) as book:
            if book.overdraft_limit != limit:
                book.set_overdraft_limit(limit)
        record(
            action="limits.changed",
            actor=by,
            workspace=workspace,
            target="limits of its own",
            before=_told(before),
            after=_told(after),
            reason=reason,
            request=request,
        )
        transaction.on_commit(lambda: forget_limits(workspace.pk))
    return True


def _told(limits: dict[str, Any]) -> dict[str, Any]:
    """With the overdraft in credits."""
    own = limits["overdraft"]
    return {**limits, "overdraft": None if own is None else str(credits(own))}
