"""What usage would have been if more of its input had come from the provider's prompt cache. Pure."""

from collections.abc import Callable
from decimal import Decimal

from billing.pricing.meters import ANCESTORS
from billing.pricing.replay import Usage

INPUT, CACHED, WRITTEN = "input_tokens", "cached_input_tokens", "cache_write_tokens"
WRITES = (WRITTEN, "cache_write_5m_tokens", "cache_write_1h_tokens")
# Providers cache from about so many tokens on.
LEAST_INPUT = Decimal(1_024)
# Where writing to the cache has a price, one token is written for so many that are read.
READS_PER_WRITE = 10

_PARTS = frozenset(meter for meter, wholes in ANCESTORS.items() if INPUT in wholes) - {CACHED, *WRITES}


def cached_to(percent: int, *, writes: bool) -> Callable[[Usage], Usage]:
    """A change of usage: `percent` of each larger input comes from the cache, unless more did.

    `writes`: the model charges for writing, so that one in ten of the further tokens is written instead of read.
    Whole tokens; inputs with parts of another kind (audio, images) stay as they were.
    """
    share = Decimal(percent) / 100

    def change(usage: Usage) -> Usage:
        sent = usage.get(INPUT, Decimal(0))
        if sent < LEAST_INPUT or not _PARTS.isdisjoint(usage):
            return usage
        cached = usage.get(CACHED, Decimal(0))
        written = sum((usage.get(meter, Decimal(0)) for meter in WRITES), Decimal(0))
        further = min(sent * share // 1, sent - written) - cached
        if further <= 0:
            return usage
        fresh = further // READS_PER_WRITE if writes else Decimal(0)
        changed = {**usage, CACHED: cached + further - fresh}
        if fresh:
            changed[WRITTEN] = usage.get(WRITTEN, Decimal(0)) + fresh
        return changed

    return change
