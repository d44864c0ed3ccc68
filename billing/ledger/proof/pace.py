"""Work in small pieces with rests in between. An export is long, and nobody waits for its last line as others do for
an answer: the web server's other threads, and the database, come first.
"""

import time

PIECE = 0.0005  # seconds of work at a time: as long may another thread have to wait for the interpreter
REST = 2.0  # times as long as it worked: longer where the machine is busy


class Pace:
    """Call `rest` often. What lies between `rest` and `go_on` is nobody's work."""

    def __init__(self) -> None:
        self.go_on()

    def go_on(self) -> None:
        self._since = time.perf_counter()

    def rest(self) -> None:
        worked = time.perf_counter() - self._since
        if worked >= PIECE:
            time.sleep(REST * worked)
            self.go_on()
