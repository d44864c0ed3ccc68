"""A real mail server on a loopback port, for tests: it takes, refuses or breaks off as told."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Behaviour:
    refuse_sender: bool = False
    refuse: set[str] = field(default_factory=set)
    drop_after_data: bool = False
    hold: threading.Event | None = None  # wait for this before answering the message
    taken: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    port: int = 0


class _Handler(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        told, to = self.server.behaviour, list[str]()
        self._say("220 loopback")
        while line := self.rfile.readline():
            word = line.decode().strip()
            verb = word.split(" ")[0].split(":")[0].upper()
            if verb in ("EHLO", "HELO"):
                self._say("250 loopback")
            elif verb == "MAIL":
                self._say("451 later" if told.refuse_sender else "250 ok")
            elif verb == "RCPT":
                address = word.split("<")[1].split(">")[0]
                if address in told.refuse:
                    self._say("550 no such person")
                else:
                    to.append(address)
                    self._say("250 ok")
            elif verb == "DATA":
                self._say("354 go on")
                content = self._content()
                if told.hold:
                    told.hold.wait(5)
                told.taken.append((to, message_from_bytes(content, policy=policy.default)))  # type: ignore[arg-type]
                if told.drop_after_data:
                    return
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _content(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)

    def _say(self, words: str) -> None:
        self.wfile.write(words.encode() + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    behaviour: Behaviour


@contextmanager
def mail_server() -> Iterator[Behaviour]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.behaviour = Behaviour(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.behaviour
        finally:
            server.shutdown()
            thread.join(5)
