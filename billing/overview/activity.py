"""Rows of the statement in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse

from accounts.models import Workspace
from billing.credits.format import credits_text
from billing.ledger.models import Lot, Transfer
from billing.metering.models import EventReversal
from billing.metering.selectors.kept import by_stretch
from billing.overview import statement
from billing.overview.labels import short_model
from billing.overview.words import kind_words

HOUR = timedelta(hours=1)
HOUR_FORMAT = "%Y-%m-%dT%H"  # UTC, in the address of an hour's page


@dataclass(frozen=True, kw_only=True)
class Entry:
    """`delta` and `balance` in nano-credits; `tone` is "in", "debt" or empty."""

    title: str
    detail: str
    at: datetime
    until: datetime | None = None  # an hour of usage has an end
    icon: str
    tone: str
    delta: int
    balance: int
    url: str


@dataclass(frozen=True, kw_only=True)
class Feed:
    entries: tuple[Entry, ...]
    cursor: str


def feed(workspace: Workspace, *, show: str = "all", cursor: str = "", limit: int = 40) -> Feed:
    """The latest entries before `cursor`. Raises statement.BadCursor."""
    found = statement.statement(workspace.pk, show=show, cursor=cursor, limit=limit)
    models = _models_by_hour(workspace.pk, [row.hour for row in found.rows if row.hour])
    transfers = [row.transfer for row in found.rows if row.transfer]
    labels = _lot_labels(transfers) | _corrected_requests(transfers)
    entries = [
        _usage(workspace, row, models.get(row.hour, [])) if row.hour else _other(workspace, row, labels)
        for row in found.rows
    ]
    return Feed(entries=tuple(entries), cursor=found.cursor)


def _usage(workspace: Workspace, row: statement.Row, models: Sequence[str]) -> Entry:
    hour = row.hour or row.at
    requests = f"{row.requests:,} request{'' if row.requests == 1 else 's'}"
    waited = f"{credits_text(row.priced_here)} for usage of before that got its price" if row.priced_here else ""
    return Entry(
        title=_models_title(models),
        detail=" · ".join(filter(None, (requests if row.requests else "", waited))),
        at=hour,
        until=hour + HOUR,
        icon="bolt",
        tone="",
        delta=row.delta,
        balance=row.balance,
        url=reverse("overview:hour", args=[workspace.public_id, hour.strftime(HOUR_FORMAT)]),
    )


def _models_title(models: Sequence[str]) -> str:
    if not models:
        return "Usage"
    more = len(models) - 1
    return short_model(models[0]) if not more else f"{short_model(models[0])} and {more} more"


def _other(workspace: Workspace, row: statement.Row, labels: dict[int, str]) -> Entry:
    transfer = row.transfer
    if transfer is None:
        raise ValueError("a row is an hour or a transfer")
    title, icon, tone = kind_words(transfer.kind)
    details = [labels.get(transfer.pk, ""), transfer.operation.reason]
    return Entry(
        title=title,
        detail=" · ".join(text for text in dict.fromkeys(details) if text and text != title),
        at=transfer.created_at,
        icon=icon,
        tone=tone if row.delta >= 0 else "",
        delta=row.delta,
        balance=row.balance,
        url=reverse("overview:entry", args=[workspace.public_id, transfer.seq]),
    )


def _models_by_hour(workspace_id: int, hours: Sequence[datetime]) -> dict[datetime | None, list[str]]:
    """Models used in each of `hours`, the dearest first."""
    if not hours:
        return {}
    edges = sorted({edge for hour in hours for edge in (hour, hour + HOUR)})
    found = by_stretch(workspace_id, by="model", starts=edges[:-1], until=edges[-1])
    return {
        start: [group.key for group in sorted(of_hour, key=lambda group: (-group.nano, group.key)) if group.key]
        for start, of_hour in zip(edges, found, strict=False)
    }


def _lot_labels(transfers: Sequence[Transfer]) -> dict[int, str]:
    """The label of the lot that a transfer brought in or took from."""
    brought = {
        (lot.workspace_id, lot.seq): lot.label
        for lot in Lot.objects.filter(
            workspace_id__in={t.workspace_id for t in transfers}, seq__in={t.seq for t in transfers}
        )
    }
    taken = dict(
        Lot.objects.filter(takes__transfer__in=[t.pk for t in transfers]).values_list("takes__transfer_id", "label")
    )
    return {t.pk: brought.get((t.workspace_id, t.seq)) or taken.get(t.pk, "") for t in transfers}


def _corrected_requests(transfers: Sequence[Transfer]) -> dict[int, str]:
    """The request whose charge a correction took back."""
    corrections = {t.operation_id for t in transfers if t.kind == "usage.reverse"}
    found = EventReversal.objects.filter(operation_id__in=corrections).select_related("event")
    requests = {row.operation_id: f"Request {row.event.event_id}" for row in found}
    return {t.pk: requests[t.operation_id] for t in transfers if t.operation_id in requests}
