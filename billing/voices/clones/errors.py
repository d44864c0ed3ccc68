"""What is refused about clones. The text is for people; nothing was held or charged when one of these is raised."""

from accounts.errors import Refused


class CloneRefused(Refused):
    """The voice is not ready for it, or something else works on it."""


class QuoteOutdated(Refused):
    """It costs something else by now."""

    def __init__(self) -> None:
        super().__init__("The price has changed since it was shown. Nothing was held or charged. Look at it again.")


class NotCovered(Refused):
    """Nano-credits: what it needs and what is available."""

    def __init__(self, message: str, *, needed: int, available: int) -> None:
        super().__init__(message)
        self.needed = needed
        self.available = available
