"""The ledger's names for usage: one operation per single event, one per batch. Pure."""

from collections.abc import Iterable
from hashlib import sha256

NAMESPACE = "usage"
CHARGES = ("hold.settle", "usage.spend", "usage.debt")  # kinds of transfers that pay for usage, in the order of offsets
LONGEST_KEY = 200


def operation_key(origin: str, event_id: str) -> str:
    """The idempotency key of a single event: readable where that cannot be ambiguous, else a digest."""
    key = f"{origin}:{event_id}"
    if ":" not in origin and len(key) <= LONGEST_KEY:
        return key
    return "#" + sha256(f"{origin}\0{event_id}".encode()).hexdigest()


def reversal_key(event: int) -> str:
    """The key of what takes the charge of an event back: it happens once."""
    return f"reverse:{event}"


PRICED = "price:"


def pricing_key(event: int) -> str:
    """The key of what charges an event that waited for a price: it happens once."""
    return f"{PRICED}{event}"


def batch_key(origin: str, items: bytes) -> str:
    """An event is accepted once, so the accepted ones of a batch name it."""
    return "batch:" + sha256(origin.encode() + b"\0" + items).hexdigest()[:40]


def items_digest(items: Iterable[tuple[str, int]]) -> bytes:
    """sha256 over the ordered (event id, nano-credits) of what an operation paid: `id NUL amount newline` each."""
    return sha256("".join(f"{event_id}\0{amount}\n" for event_id, amount in items).encode()).digest()
