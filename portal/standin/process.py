"""A stand-in as a process: until SIGTERM, or until the process that started it is gone."""

import os
import signal
import threading
import time
from types import FrameType
from typing import Protocol


class Serving(Protocol):
    def run(self) -> None:
        """Serve until `end`."""

    def end(self) -> None: ...


def serve(server: Serving) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=server.end).start()  # not here: it waits for the loop that we interrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    threading.Thread(target=_watch_parent, args=(server, os.getppid()), daemon=True).start()
    server.run()


def _watch_parent(server: Serving, parent: int) -> None:
    """Also where the kernel does not tell us."""
    while os.getppid() == parent:
        time.sleep(1)
    server.end()
