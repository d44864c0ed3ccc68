"""What packages above count beside the ledger (budgets, the pace of keys), written in the same transaction."""

from collections.abc import Iterable, Iterator, Sequence

from billing.ledger.book import Book
from billing.ledger.roundtrip import Statement
from billing.metering.events import Source
from billing.metering.hooks import Spend, spend_counters
from billing.metering.models import UsageEvent
from billing.metering.rated import RatedEvent


def counted(book: Book, source: Source, events: Iterable[RatedEvent]) -> Iterator[Statement]:
    """What is to be written for the charges of these events."""
    spends = [Spend(each.project_id, each.occurred_at, each.booked_at, each.nano) for each in events if each.nano]
    return counted_spends(book, source, spends)


def source_of(event: UsageEvent) -> Source:
    """Who reported a stored event; load it along with `select_related("api_key")`."""
    key = event.api_key
    member = None if key is None or key.workspace_id is None else key.created_by_id
    return Source(event.origin, event.api_key_id, member_id=member)


def counted_spends(book: Book, source: Source, spends: Sequence[Spend]) -> Iterator[Statement]:
    if spends:
        for counter in spend_counters:
            yield from counter(book, source, spends)
