"""What is written down of a request with its hold, and what settling reads of it."""

import json
from typing import Any, NamedTuple

from django.db import transaction

from billing.ledger.book import Book
from billing.ledger.records import HoldState
from billing.ledger.session import read
from billing.metering.events import plain
from billing.metering.known import Known
from billing.metering.settling import keep_placed
from billing.usage.request import HoldRequest

_NAMED = """
SELECT provider, model, variant, project, agent, app, task FROM usage_authorization
WHERE hold_id = %s AND workspace_id = %s
"""


def written(request: HoldRequest, *, expected: int) -> dict[str, Any]:
    """What a hold is placed for, as `Authorization` reads it, without what is empty. `expected` is in nano-credits."""
    asked, size = request.asked, request.size
    wanted = asked.wanted
    everything = {
        "api_key": request.source.api_key_id,
        "provider": request.prices.provider,
        "model": request.prices.model,
        "variant": dict(wanted.variant),
        "project": wanted.project,
        "agent": asked.agent,
        "app": asked.app,
        "task": wanted.task,
        "note": size.note,
        "usage": {meter: plain(quantity) for meter, quantity in size.usage.items()},
    }
    return {"basis": size.basis, "expected": expected, **{name: value for name, value in everything.items() if value}}


class Named(NamedTuple):
    """What the request of a hold was reported by. `model` is without the provider."""

    provider: str
    model: str
    variant: dict[str, Any]
    project: str
    agent: str
    app: str
    task: str


# Rows never change, and most settlements reach the process that authorised: over one connection all of them do.
_named: Known[tuple[int, int], Named] = Known(10_000)


def remember(request: HoldRequest, hold: HoldState, book: Book | None) -> None:
    """Keep a hold, and how its request was named, for its settlement, once the open transaction is committed; and what
    `book` then leaves, where its settlement needs to know nothing else.
    """
    asked, prices = request.asked, request.prices
    wanted = asked.wanted
    found = Named(
        prices.provider, prices.model, dict(wanted.variant), wanted.project, asked.agent, asked.app, wanted.task
    )

    def keep() -> None:
        _named.keep({(request.workspace_id, hold.id): found})
        keep_placed(request.workspace_id, hold, None if book is None else book.left)

    transaction.on_commit(keep)


def named(workspace_id: int, pk: int) -> Named | None:
    """How the request of a workspace's hold was named when it was authorised. Asked with every settlement."""
    if (known := _named.get((workspace_id, pk))) is not None:
        return known
    (rows,) = read((_NAMED, (str(pk), str(workspace_id))))
    if not rows:
        return None
    provider, model, variant, *names = rows[0]
    return Named(provider, model, json.loads(variant), *names)
