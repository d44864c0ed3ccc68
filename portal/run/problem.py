class Problem(Exception):
    """Purser cannot run; the message is one line for a person."""
