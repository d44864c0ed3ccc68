"""Starts everything in order, watches it, and ends everything."""

import contextlib
import http.client
import os
import signal
import sys
import time
from types import FrameType

from portal.embedded import EmbeddedError, ensure_running
from portal.run import checks, leftovers
from portal.run.children import Child, end_groups, kill_group, spawn
from portal.run.config import Config
from portal.run.parts import environment, parts, standin, standin_usdc
from portal.run.problem import Problem
from portal.run.report import say, step, tell_ready
from portal.standin.places import USDC, port_of

READY_SECONDS = 90
STANDIN_SECONDS = 20
PATIENCE = 10.0  # seconds to finish what is being done
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked us to stop."""


class Supervisor:
    def __init__(self, config: Config) -> None:
        self.config = config
        self.children: list[Child] = []
        self.notes = config.home / "locks" / "children.json"

    def run(self) -> None:
        """Run until a signal comes; raises Problem when it cannot go on."""
        for number in SIGNALS:
            signal.signal(number, _raise_stopped)
        with contextlib.ExitStack() as ending:
            try:
                self._run(ending)
            except Stopped as stopped:
                say(f"Stopping ({stopped}) …")
            finally:
                for number in SIGNALS:
                    signal.signal(number, self._hurry)

    def _run(self, ending: contextlib.ExitStack) -> None:
        self._prepare(ending)
        self._start_children()
        self._wait_until_ready()
        tell_ready(self.config)
        self._watch()

    def _prepare(self, ending: contextlib.ExitStack) -> None:
        config = self.config
        checks.home_writable(config.home)
        lock = checks.same_home_runs(config.home)
        ending.callback(os.close, lock)
        leftovers.end_leftovers(self.notes)
        checks.port_free(config.host, config.port)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()}, {config.site_url}".encode(), 0)
        say(f"Purser starts, home {config.home}")
        with step("database") as outcome:
            checks.services_reachable(config)
            if config.embedded:
                ending.enter_context(_embedded(config))
            outcome("embedded PostgreSQL" if config.embedded else "DATABASE_URL answers")
        ending.callback(self._end_children)
        if config.simulated:
            self._start_standin(standin(config), port_of(config.home), "/_control/health", "simulated payments")
        if config.simulated_usdc:
            self._start_standin(standin_usdc(config), port_of(config.home, USDC), "/health", "test USDC")
        self._run_prepare()

    def _run_prepare(self) -> None:
        process = spawn([sys.executable, "manage.py", "prepare"], environment(self.config))
        try:
            code = process.wait()
        finally:
            end_groups([process], patience=PATIENCE)
        if code:
            raise Problem("could not be prepared, see above")

    def _start_standin(self, child: Child, port: int, health: str, what: str) -> None:
        """Stand-ins come first: what is prepared registers with simulated payments."""
        self.children.append(child)
        child.start()
        self._note()
        until = time.monotonic() + STANDIN_SECONDS
        while not _healthy("127.0.0.1", port, health):
            if child.exit_code is not None or time.monotonic() > until:
                raise Problem(f"{what} did not start, see the messages above")
            time.sleep(0.05)

    def _start_children(self) -> None:
        started = parts(self.config)
        self.children += started
        for child in started:
            child.start()
        self._note()

    def _note(self) -> None:
        leftovers.note(self.notes, [child.process.pid for child in self.children if child.process])

    def _wait_until_ready(self) -> None:
        with step("web") as outcome:
            until = time.monotonic() + READY_SECONDS
            while not _answers(self.config):
                self._look_after_children()
                if time.monotonic() > until:
                    raise Problem(f"the web server did not get ready within {READY_SECONDS} s, see its messages above")
                time.sleep(0.1)
            outcome(f"{self.config.workers} processes, workers and beat beside")

    def _watch(self) -> None:
        while True:
            self._look_after_children()
            time.sleep(0.25)

    def _look_after_children(self) -> None:
        for child in self.children:
            if child.process is None and time.monotonic() >= child.start_at:
                child.start()
                self._note()
            code = child.exit_code
            if code is None:
                continue
            delay = child.bury()
            if delay is None:
                raise Problem(f"{child.name} ended {child.MOST_DEATHS} times within a minute (exit code {code})")
            print(f"purser: {child.name} ended (exit code {code}), starting it again in {delay:.0f} s", file=sys.stderr)

    def _end_children(self) -> None:
        end_groups([child.process for child in self.children if child.process], patience=PATIENCE)
        self.notes.unlink(missing_ok=True)

    def _hurry(self, number: int, frame: FrameType | None) -> None:
        """A second signal: no more waiting."""
        for child in self.children:
            if child.process:
                kill_group(child.process.pid)


def _raise_stopped(number: int, frame: FrameType | None) -> None:
    raise Stopped(signal.Signals(number).name)


def _embedded(config: Config) -> contextlib.AbstractContextManager[object]:
    try:
        return ensure_running(config.home)
    except EmbeddedError as error:
        raise Problem(str(error)) from error


def _answers(config: Config) -> bool:
    return _healthy(config.contact, config.port, "/readyz")


def _healthy(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
