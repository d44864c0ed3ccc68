"""One part in the place of this process, for installations whose parts are started and watched by something else."""

import os
from collections.abc import Sequence
from typing import NoReturn

from portal.home import BASE_DIR
from portal.run import checks
from portal.run.config import Config
from portal.run.parts import parts
from portal.run.problem import Problem


def become(arguments: Sequence[str], config: Config) -> NoReturn:
    """Called as among all parts. Raises Problem where it cannot work: the embedded database belongs to `make run`."""
    found = {part.name: part for part in parts(config)}
    if len(arguments) != 1 or arguments[0] not in found:
        raise Problem(f"there is no part {' '.join(arguments)!r}: name one of {', '.join(found)}, or none for all")
    if config.embedded:
        raise Problem("a part alone needs a database of its own: set DATABASE_URL, or start all parts")
    checks.home_writable(config.home)
    checks.services_reachable(config)
    part = found[arguments[0]]
    os.chdir(BASE_DIR)
    os.execve(part.command[0], list(part.command), dict(part.environment))  # noqa: S606 - our own command, no shell
