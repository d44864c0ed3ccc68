"""One run of the pipeline: started in a session of its own, followed line by line, bounded in every way, and ended with
everything it started.
"""

import contextlib
import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from billing.voices.runner.lines import Event, LineReader

# The exit codes of the contract; anything else is a crash.
CODES = {0: "done", 2: "spec", 3: "engine_unavailable", 4: "failed", 5: "refused", 6: "busy", 130: "cancelled"}
LOOK_EVERY = 0.25  # seconds
LAST_WORDS = 5.0  # seconds in which what it wrote before it ended is read, while something else goes on writing
PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Seconds, but for the log. `grace`: from SIGTERM to SIGKILL, in which a full-size checkpoint is written."""

    stall: float = 900.0  # without any line
    total: float = 7 * 86_400.0
    grace: float = 180.0
    log_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How it ended. `status` is one of CODES' values, or "crashed"; "done" only where the exit code and the result line
    both say so. `why` says in words what was done to it, empty when nothing.
    """

    status: str
    exit_code: int | None
    result: dict[str, Any]  # of the result line, empty when there was none
    why: str
    bad_lines: int
    last_seq: int


@dataclass
class _Run:
    child: "subprocess.Popen[bytes]"
    output: int  # the descriptor that its lines come from
    reader: LineReader
    limits: Limits
    log: Path
    began: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)
    told: float | None = None  # when it was asked to stop
    killed: bool = False
    why: str = ""
    result: dict[str, Any] = field(default_factory=dict)

    def reason_to_stop(self, wish: str) -> str:
        """Why it has to end now; empty: it may go on."""
        now = time.monotonic()
        if wish:
            return wish
        if now - self.began > self.limits.total:
            return f"it took longer than {self.limits.total:,.0f} s"
        if now - self.heard > self.limits.stall:
            return f"nothing was heard of it for {self.limits.stall:,.0f} s"
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > self.limits.log_bytes:
                return f"it wrote more than {self.limits.log_bytes:,} bytes of log"
        return ""

    def hold_to(self, wish: str) -> None:
        """Ask it to stop where it has to; kill its group when it does not within the grace."""
        if self.told is None:
            if reason := self.reason_to_stop(wish):
                self.why, self.told = reason, time.monotonic()
                with contextlib.suppress(ProcessLookupError):
                    self.child.terminate()
        elif not self.killed and time.monotonic() - self.told > self.limits.grace:
            self.killed = True
            self.why += "; it did not stop within its grace and was killed"
            kill_group(self.child.pid)


def follow(
    command: Sequence[str],
    spec: Mapping[str, Any],
    *,
    spec_file: Path,
    log: Path,
    environment: Mapping[str, str],
    directory: Path,
    on_event: Callable[[Event], None],
    stop_wish: Callable[[], str],
    limits: Limits,
) -> Outcome:
    """Run `command --spec -` on `spec` to its end. `on_event` hears each line of the contract; `stop_wish` is asked a
    few times a second whether it should stop, and answers why, or nothing. Whatever either raises ends the child, too.

    Raises OSError when the command cannot be started.
    """
    spec_file.write_text(json.dumps(spec))
    ours, theirs = os.pipe()
    try:
        with spec_file.open("rb") as said, log.open("ab") as errors, os.fdopen(theirs, "wb") as output:
            child = subprocess.Popen(  # noqa: S603 - the operator's own command, no shell
                [*command, "--spec", "-"],
                stdin=said,
                stdout=output,
                stderr=errors,
                cwd=directory,
                env=dict(environment),
                start_new_session=True,
                preexec_fn=_die_with_parent(),
            )
    except BaseException:
        os.close(ours)
        raise
    run = _Run(child, ours, LineReader(str(spec["job"])), limits, log)
    try:
        _listen(run, on_event, stop_wish)
    finally:
        kill_group(child.pid)
        child.wait()
        os.close(ours)
    return _outcome(run)


def _listen(run: _Run, on_event: Callable[[Event], None], stop_wish: Callable[[], str]) -> None:
    """Until it has closed its output and ended. A grandchild that keeps the output open does not keep us."""
    descriptor = run.output
    open_, ended = True, 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            heard = bool(open_ and selector.select(LOOK_EVERY))
            if heard:
                chunk = os.read(descriptor, 65_536)
                if not chunk:
                    open_ = False
                    selector.unregister(descriptor)
                for event in run.reader.feed(chunk):
                    run.heard = time.monotonic()
                    if event.type == "result":
                        run.result = event.data
                    on_event(event)
            if run.child.poll() is not None:
                ended = ended or time.monotonic()
                if not heard or not open_ or time.monotonic() - ended > LAST_WORDS:
                    return
            elif not open_:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.child.wait(LOOK_EVERY)
            run.hold_to(stop_wish())


def _outcome(run: _Run) -> Outcome:
    code = run.child.returncode
    status = CODES.get(code, "crashed")
    if code == -signal.SIGTERM and not run.reader.last:
        status = "cancelled"  # in its first instants it has no exit code of its own for that: nothing was begun
    said = run.result.get("status")
    if status == "done" and said != "done":
        status = "crashed"  # it left as if all were well, and never said so
    elif status not in ("done", "crashed") and said not in (None, status):
        status = "crashed"
    return Outcome(
        status=status,
        exit_code=code,
        result=run.result,
        why=run.why,
        bad_lines=run.reader.bad,
        last_seq=run.reader.last,
    )


def kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux a child whose worker was killed is asked to stop, as by a cancel; so a checkpoint is saved."""
    if _prctl is None:
        return None
    parent = os.getpid()

    def before() -> None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return before
