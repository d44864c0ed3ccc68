"""A workspace with a long history, made by the product's own services: holds, settled in batches. Runs inside Django.

Every event is an operation of its own then, as it is with single requests; a batch without holds would be one for all.
"""

from collections.abc import Iterator
from datetime import timedelta

from clients import event
from django.db import connection

from accounts.models import ApiKey, Workspace
from billing.credits.units import NANO
from billing.ledger.book import open_book
from billing.ledger.models import Wallet
from billing.ledger.records import OperationDraft, hold_id
from billing.ledger.services import credits_grant
from billing.metering.events import Source
from billing.metering.record import usage_record_batch
from billing.metering.validate import parse_batch

BATCH = 1_000
HELD = 2 * NANO // 1_000  # nano-credits, about twice what a request costs


def long_history(*, transfers: int) -> str:
    """The public id of a new workspace with at least so many transfers: hold, settle and release in turns."""
    workspace = Workspace.objects.create(name="Long history")
    credits_grant(workspace_id=workspace.pk, key="bench-history", amount=1_000_000 * NANO, label="Long history")
    source = Source("service", api_key_id=ApiKey.objects.get(kind="service").pk)
    for number in _batches(workspace.pk, transfers):
        holds = _hold(workspace.pk, number)
        events = [{**event(f"history-{number}-{place}"), "hold": hold} for place, hold in enumerate(holds)]
        result = usage_record_batch(workspace_id=workspace.pk, source=source, events=parse_batch(events))
        if result.accepted != BATCH:
            raise SystemExit(f"bench: the history was refused: {result.rejected[:1]}")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")  # as PostgreSQL does by itself within minutes, where autovacuum is on
    return workspace.public_id


def _batches(workspace_id: int, transfers: int) -> Iterator[int]:
    number = 0
    while Wallet.objects.get(pk=workspace_id).seq < transfers:
        yield number
        number += 1


def _hold(workspace_id: int, number: int) -> list[str]:
    """A batch of holds, placed under one lock."""
    with open_book(workspace_id) as book:
        return [
            hold_id(
                book.hold(
                    operation=OperationDraft("bench", f"{number}-{place}", b"", "hold.place"),
                    amount=HELD,
                    expires_at=book.now + timedelta(hours=1),
                    origin="service",
                    label="Benchmark",
                ).id
            )
            for place in range(BATCH)
        ]
