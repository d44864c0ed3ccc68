"""What is refused about automatic top-ups. The text is for people; nothing was charged when one of these is raised."""

from accounts.errors import Refused


class ConsentNeeded(Refused):
    """Nobody agreed to this, or only to less."""

    def __init__(self) -> None:
        super().__init__(
            "A person who manages billing has to agree to this first, on the page of automatic top-ups. Nothing was"
            " changed."
        )


class WrongTerms(Refused):
    """A number is out of bounds; `field` says which."""


class KeyConflict(Refused):
    """The key was used before with other content."""

    def __init__(self) -> None:
        super().__init__("This key was used before with other content. Nothing was changed.")
