"""What the ledger refuses. Nothing is written when one of these is raised."""

from billing.credits.units import AmountOutOfRange, credits

__all__ = ["AmountOutOfRange", "IdempotencyConflict", "InsufficientCredits", "LedgerError"]


class LedgerError(Exception):
    """Base of the ledger's refusals."""


class IdempotencyConflict(LedgerError):
    """The key was used before with other content."""

    def __init__(self, namespace: str, key: str) -> None:
        super().__init__(f"{namespace}:{key} was used before with other content")
        self.namespace = namespace
        self.key = key


class InsufficientCredits(LedgerError):
    """More would be taken than is there."""

    def __init__(self, *, needed: int, available: int) -> None:
        super().__init__(f"{credits(needed):f} credits are needed, {credits(available):f} are available")
        self.needed = needed
        self.available = available
