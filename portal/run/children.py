"""Child processes: each in a process group of its own, ended with everything it started."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from portal.home import BASE_DIR

PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def spawn(command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a process that Ctrl-C in our terminal does not reach, and that is told to stop when we are killed."""
    parent = os.getpid()

    def before() -> None:
        if _prctl is not None:
            _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # we died between the fork and the line above
                os._exit(1)

    return subprocess.Popen(
        command,
        cwd=BASE_DIR,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=before,  # safe: we have no threads
    )


def end_groups(processes: "Sequence[subprocess.Popen[bytes]]", *, patience: float) -> None:
    """SIGTERM to all at once, after their patience SIGKILL to their groups: no grandchild stays behind."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    until = time.monotonic() + patience
    for process in processes:
        _end(process, patience=max(0.0, until - time.monotonic()))


def _end(process: "subprocess.Popen[bytes]", *, patience: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    kill_group(process.pid)
    process.wait()


def kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


@dataclass
class Child:
    """One long-running part: started again when it dies, at growing intervals."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: "subprocess.Popen[bytes] | None" = None
    deaths: list[float] = field(default_factory=list)
    start_at: float = 0.0

    WINDOW = 60.0
    MOST_DEATHS = 5

    def start(self) -> None:
        self.process = spawn(self.command, self.environment)

    @property
    def exit_code(self) -> int | None:
        return self.process.poll() if self.process else None

    def bury(self) -> float | None:
        """After a death: the seconds until the next start, or None when it died too often."""
        now = time.monotonic()
        if self.process:
            kill_group(self.process.pid)
            self.process = None
        self.deaths = [death for death in self.deaths if death > now - self.WINDOW] + [now]
        if len(self.deaths) >= self.MOST_DEATHS:
            return None
        delay = float(2 ** (len(self.deaths) - 1))
        self.start_at = now + delay
        return delay
