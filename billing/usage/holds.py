"""Reading holds with what they were for and what that cost in the end. Amounts are nano-credits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.ledger.held import HoldRow, HoldStatus, hold, recent_holds
from billing.metering.models import UsageEvent
from billing.usage.models import Authorization


@dataclass(frozen=True)
class HoldDetails:
    """A hold, the request it was placed for, and the event that was charged for it, if any."""

    hold: HoldRow
    authorization: Authorization | None  # None: it was not placed by an authorisation
    event: UsageEvent | None


def hold_details(workspace_id: int, pk: int, now: datetime | None = None) -> HoldDetails | None:
    """One hold of the workspace, or None."""
    row = hold(workspace_id, pk, now)
    return None if row is None else _with_details([row])[0]


def hold_list(
    workspace_id: int,
    *,
    status: HoldStatus | None = None,
    before: int | None = None,
    limit: int = 50,
    now: datetime | None = None,
) -> list[HoldDetails]:
    """Holds of one status, or all, the latest first. For the next page pass the last hold's id as `before`."""
    return _with_details(recent_holds(workspace_id, now, status=status, before=before, limit=limit))


def _with_details(rows: Sequence[HoldRow]) -> list[HoldDetails]:
    ids = [row.id for row in rows]
    authorizations = Authorization.objects.select_related("api_key__project").in_bulk(ids)
    events = {event.hold_id: event for event in UsageEvent.objects.filter(hold_id__in=ids)}
    return [HoldDetails(row, authorizations.get(row.id), events.get(row.id)) for row in rows]
