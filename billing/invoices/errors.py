"""What the services of documents refuse. Nothing is written when one of these is raised; the text is for people."""

from accounts.errors import Refused


class DocumentConflict(Refused):
    """The key was used before for a document with other content."""


class NotIssuable(Refused):
    """Something that the document needs is missing or makes no sense."""


class WrongState(Refused):
    """The document is not in a state in which that can be done."""


class TooMuchCredited(Refused):
    """More would be credited than is left of the invoice."""
