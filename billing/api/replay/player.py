"""Plays a trace in batches and adds up what the API answered."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import quote

from billing.api import jsontext
from billing.api.replay.client import ApiError, Client
from billing.api.replay.trace import Row, Trace, event_id, read

NAMED = 5  # of the refused events, this many are named


@dataclass
class Played:
    """Sums over the answers; `nano` is what this run charged, so a second run of the same trace charges 0."""

    events: int = 0
    accepted: int = 0
    duplicates: int = 0
    unrated: int = 0
    rejected: int = 0
    nano: int = 0
    examples: list[str] = field(default_factory=list)


def shift_of(client: Client, trace: Trace, model: str, *, now: datetime) -> timedelta:
    """How far stamps move: the last one to now, or as far as when this trace was first played."""
    try:
        first = client.get(f"/api/v1/usage/events/{quote(event_id(trace, model, trace.first), safe='')}")
    except ApiError as error:
        if error.status != 404:
            raise
        return now - trace.last_at
    return datetime.fromisoformat(first["occurred_at"]) - trace.first.at


def play(
    client: Client,
    trace: Trace,
    *,
    model: str,
    shift: timedelta,
    batch_size: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Played:
    """Send every row once. Raises ApiError when the API refuses a whole batch; starting again goes on from there."""
    played = Played()
    for batch in _batches(read(trace.path), batch_size):
        events = [_event(trace, model, row, shift) for row in batch]
        _add(played, client.post("/api/v1/usage/batch", {"events": events}))
        played.events += len(events)
        progress(len(events))
    return played


def _event(trace: Trace, model: str, row: Row, shift: timedelta) -> dict[str, Any]:
    return {
        "event_id": event_id(trace, model, row),
        "model": model,
        "usage": {"input_tokens": row.input_tokens, "output_tokens": row.output_tokens},
        "occurred_at": jsontext.instant(row.at + shift),
    }


def _add(played: Played, answer: dict[str, Any]) -> None:
    played.accepted += answer["accepted"]
    played.duplicates += answer["duplicates"]
    played.unrated += len(answer["unrated"])
    played.rejected += len(answer["rejected"])
    played.nano += int(answer["credits_nano"])
    for issue in [*answer["rejected"], *answer["unrated"]]:
        if len(played.examples) < NAMED:
            played.examples.append(f"{issue['event_id']}: {issue['code']}: {issue['detail']}")


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while batch := list(islice(rows, size)):
        yield batch
