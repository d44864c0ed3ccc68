"""Refusals of the services. Their text is shown to the person as it is."""


class Refused(Exception):
    """The rules do not allow it; the message says which rule, and what to do instead."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field  # the form field it is about, if any


class NotAllowed(Refused):
    """The person's role does not allow it."""


class NoSuchMember(Refused):
    """Nobody like that is a member of the workspace."""


class Suspended(Refused):
    """The operator has suspended the workspace."""


class LastOwner(Refused):
    """A workspace would be left without an owner."""
