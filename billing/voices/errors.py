"""What can go wrong with files and results, in words for staff."""


class OutsideStore(ValueError):
    """A path that lies outside VOICE_ROOT."""


class BadResult(ValueError):
    """The pipeline said that it is done, and what it says or left is not what the contract promises."""


class UploadRefused(ValueError):
    """A file that is not even looked at; the message says why, and what to do."""
