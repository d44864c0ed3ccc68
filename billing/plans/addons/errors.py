"""What is refused about add-ons. The text is for people; nothing was charged or changed when one of these is raised."""

from accounts.errors import Refused


class NoSuchAddOn(Refused):
    """There is no such add-on, or it is not on offer and the workspace does not have it."""

    def __init__(self, message: str = "There is no such add-on.") -> None:
        super().__init__(message)


class QuantityRefused(Refused):
    """More pieces than a workspace may have, or more of what is not on offer any more."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="quantity")


class NotCovered(Refused):
    """More of an add-on whose present period is not paid."""


class BeingCharged(Refused):
    """Its period is over and the next one is not charged yet: a matter of a minute."""

    def __init__(self) -> None:
        super().__init__("Its new period is being charged at this moment. Nothing was changed. Try again in a minute.")


class PreviewOutdated(Refused):
    """What was shown is not what would be done any more."""

    def __init__(self) -> None:
        super().__init__("This has changed since it was shown. Nothing was charged. Look at it again, then confirm.")


class ChangeConflict(Refused):
    """The key was used before for something else."""

    def __init__(self) -> None:
        super().__init__("This key was used before for another change. Nothing was changed.")


class NotEnoughCredits(Refused):
    """Nano-credits: what it needs and what is available."""

    def __init__(self, message: str, *, needed: int, available: int) -> None:
        super().__init__(message)
        self.needed = needed
        self.available = available

    @property
    def missing(self) -> int:
        return self.needed - self.available
