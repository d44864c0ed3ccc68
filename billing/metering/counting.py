"""What packages above count beside the ledger (budgets, the pace of keys), written in the same transaction."""

from collections.abc import Iterable, Iterator, Sequence

from billing.ledger.book import Book
from billing.ledger.roundtrip import Statement
from billing.metering.events import Source
from billing.metering.hooks import Spend, spend_counters
from billing.metering.rated import RatedEvent


def counted(book: Book, source: Source, events: Iterable[RatedEvent]) -> Iterator[Statement]:
    """What is to be written for the charges of these events."""
    spends = [Spend(each.project_id, each.occurred_at, each.booked_at, each.nano) for each in events if each.nano]
    return counted_spends(book, source, spends)


def counted_spends(book: Book, source: Source, spends: Sequence[Spend]) -> Iterator[Statement]:
    if spends:
        for counter in spend_counters:
            yield from counter(book, source, spends)
