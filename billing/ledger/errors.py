"""What the ledger refuses. Nothing is written when one of these is raised."""

from billing.credits.units import AmountOutOfRange, credits

__all__ = [
    "AmountOutOfRange",
    "HoldResolved",
    "HoldTooLong",
    "IdempotencyConflict",
    "InsufficientCredits",
    "LedgerError",
    "MovedOn",
    "NotExtendable",
    "NotGranted",
    "NotReversible",
    "TooManyHolds",
    "UnknownHold",
]


class LedgerError(Exception):
    """Base of the ledger's refusals."""


class MovedOn(LedgerError):
    """The wallet is not as it was left, somebody has its lock, or what the caller took for granted is not so."""


class NotGranted(LedgerError):
    """One of several grants is refused, as its cause says; none of them is posted."""

    def __init__(self, workspace_id: int, cause: Exception) -> None:
        super().__init__(str(cause))
        self.workspace_id = workspace_id


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


class UnknownHold(LedgerError):
    """The workspace has no such hold of this origin."""


class HoldResolved(LedgerError):
    """The hold was settled, released, or has expired. `resolution` is "settle", "release" or "expire"."""

    _SAID = {"settle": "was settled", "release": "was released", "expire": "has expired"}

    def __init__(self, resolution: str) -> None:
        super().__init__(f"This hold {self._SAID[resolution]} before.")
        self.resolution = resolution


class HoldTooLong(LedgerError):
    """A hold would live longer than 24 hours."""


class TooManyHolds(LedgerError):
    """The workspace has as many open holds as it may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"This workspace has {most:,} open holds, and no more are possible. Nothing was held. Settle or release"
            " those whose requests are over, or give holds a shorter life."
        )


class NotExtendable(LedgerError):
    """The lot cannot be given a later end."""


class NotReversible(LedgerError):
    """The operation cannot be reversed, or more would be taken back than there is to take back."""
