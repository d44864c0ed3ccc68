"""The process environment and the installation's home directory."""

from environs import Env

from portal.home import BASE_DIR, home, kept_secret, own_directory

__all__ = ["BASE_DIR", "HOME", "env", "own_directory", "secret"]

env = Env()

# Everything an installation keeps on disk (embedded database, broker files, secrets, backups).
HOME = home()


def secret(name: str) -> str:
    """The secret kept in `HOME/secrets/<name>`, made on first use and readable by its owner only."""
    return kept_secret(HOME, name)
