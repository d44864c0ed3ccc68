"""Whoever reports may have been looked up a moment ago: whether that still holds is asked under the wallet lock."""

from collections.abc import Sequence

from billing.ledger.roundtrip import Rows, Statement
from billing.metering.events import Source


class SourceChanged(Exception):
    """Who reports is no longer what it was taken for. Nothing was recorded; look again and repeat."""


def still_the_same(source: Source) -> list[Statement]:
    """The statement to ask under the lock, for a source that was not read just now."""
    return [] if source.unchanged is None else [source.unchanged]


def confirm(answers: Sequence[Rows]) -> None:
    """The rows of `still_the_same`. Raises SourceChanged."""
    if not all(answers):
        raise SourceChanged
