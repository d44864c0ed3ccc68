class BackupError(Exception):
    """A backup could not be written or restored; the message is one line."""
