class EmbeddedError(Exception):
    """The embedded server cannot run; the message is one line for a person."""
