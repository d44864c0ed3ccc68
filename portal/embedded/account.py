"""PostgreSQL refuses to run as root: then the server gets a user of its own."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from portal.embedded.errors import EmbeddedError

USER = "pgserver"
# Debian, Red Hat and their like; then busybox.
CREATE = (
    ("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", USER),
    ("adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", USER),
)


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int

    def own(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid)


def server_account() -> Account | None:
    """The user to run the server as: None for ourselves, as root the system user, created if missing."""
    if os.geteuid() != 0:
        return None
    entry = _find() or _create()
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _find() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        return None


def _create() -> pwd.struct_passwd:
    for command in CREATE:
        if shutil.which(command[0]):
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if entry := _find():
                return entry
            raise EmbeddedError(f"cannot create the system user {USER}: {result.stderr.strip()}")
    raise EmbeddedError(f"PostgreSQL does not run as root; create a system user {USER}, or start as another user")
