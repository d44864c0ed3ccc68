"""Holds as people read them: for which request, by whose key, until when, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum
from django.urls import reverse

from accounts.models import Workspace
from accounts.scopes import KeyKind
from billing.credits import clock
from billing.ledger.models import Hold
from billing.ledger.selectors import HoldRow, holds
from billing.overview.labels import short_model
from billing.usage.models import Authorization

SHOWN = 5  # on the credits page; the list has all
PLACED_BY: dict[str, str] = {
    KeyKind.WORKSPACE: "a key of this workspace",
    KeyKind.SERVICE: "the platform",
    "voice": "the page of a voice",
}


@dataclass(frozen=True, kw_only=True)
class HoldLine:
    """A hold in a list. `by` is the name of the key that placed it, or whose key it was."""

    row: HoldRow
    title: str
    by: str
    url: str


@dataclass(frozen=True, kw_only=True)
class OpenHolds:
    """Nano-credits that are on hold now: `covered` by lots, `overdraft` by none."""

    lines: tuple[HoldLine, ...]
    count: int
    covered: int
    overdraft: int

    @property
    def left_out(self) -> int:
        return self.count - len(self.lines)


def open_holds(workspace: Workspace, now: datetime | None = None, *, limit: int = SHOWN) -> OpenHolds:
    """What is on hold, the one that expires first in front."""
    now = now or clock.now()
    found = lines_of(workspace, holds(workspace.pk, now, limit=limit + 1))
    if len(found) <= limit:  # no need to count what is all there
        amount, overdraft, count = sum(f.row.amount for f in found), sum(f.row.overdraft for f in found), len(found)
    else:
        open_now = Hold.objects.filter(workspace_id=workspace.pk, open_until__gt=now)
        sums = open_now.aggregate(amount=Sum("amount"), overdraft=Sum("overdraft"))
        amount, overdraft, count = int(sums["amount"] or 0), int(sums["overdraft"] or 0), open_now.count()
    return OpenHolds(lines=found[:limit], count=count, covered=amount - overdraft, overdraft=overdraft)


def lines_of(workspace: Workspace, rows: Sequence[HoldRow]) -> tuple[HoldLine, ...]:
    """`rows` with what their authorisations say."""
    asked = authorizations([row.id for row in rows])
    return tuple(_line(workspace, row, asked.get(row.id)) for row in rows)


def authorizations(hold_ids: Sequence[int]) -> dict[int, Authorization]:
    found = Authorization.objects.filter(hold_id__in=hold_ids).select_related("api_key")
    return {row.hold_id: row for row in found}


def _line(workspace: Workspace, row: HoldRow, asked: Authorization | None) -> HoldLine:
    key = asked.api_key if asked else None
    return HoldLine(
        row=row,
        title=hold_title(row.label),
        by=key.name if key else PLACED_BY.get(row.origin, row.origin),
        url=reverse("overview:hold", args=[workspace.public_id, row.public_id]),
    )


def hold_title(label: str) -> str:
    """ "openai/gpt-4o-mini, chat" → "gpt-4o-mini, chat"."""
    model, comma, rest = label.partition(", ")
    return short_model(model) + comma + rest if label else "A request"
