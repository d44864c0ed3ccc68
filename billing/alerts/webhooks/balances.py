"""A balance that becomes low, exhausted or well again: one row per workspace says what was told last, so that events
and mails (billing.alerts.usage) come from the same change, once.
"""

from collections.abc import Sequence
from typing import Any

from billing.alerts.webhooks.amounts import amount
from billing.alerts.webhooks.emitting import event_emit
from billing.alerts.webhooks.models import WebhookBalance
from billing.credits import clock


def told_locked(workspace_ids: Sequence[int]) -> list[WebhookBalance]:
    """What was told of these workspaces, with each of them, in the order of their ids. Locked to the end of the
    transaction: whoever tells something of a balance or of usage has this lock, so of two the second finds it told.
    """
    rows = [WebhookBalance(workspace_id=pk, state="healthy") for pk in sorted(set(workspace_ids))]
    WebhookBalance.objects.bulk_create(rows, ignore_conflicts=True)
    found = WebhookBalance.objects.select_for_update(of=("self",)).filter(pk__in=workspace_ids)
    return list(found.select_related("workspace").order_by("pk"))


def change_tell(told: WebhookBalance, *, state: str, available: int, held: int, debt: int, low_bound: int) -> str:
    """Record the event of a change of state, for a row from `told_locked`; its type."""
    type = _event_type(told.state, state)
    told.state, told.changes = state, told.changes + 1
    told.save(update_fields=["state", "changes"])
    data: dict[str, Any] = {
        "state": state,
        **amount("balance", available),
        **amount("held", held),
        **amount("debt", debt),
        **amount("low_below", low_bound),
    }
    event_emit(told.workspace, type, f"balance:{told.changes}", data, at=clock.now())
    return type


def _event_type(before: str, after: str) -> str:
    if after == "stopped":
        return "balance.exhausted"
    return "balance.low" if (before, after) == ("healthy", "low") else "balance.recovered"
