"""Files that go with messages. A row names its files; the bytes are made anew when the message leaves, so that the
outbox keeps no copies, and nothing is rendered in the transaction that writes the message.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

# Packages above add what they can make in `apps.ready()`: source → bytes of what `ref` names. The same `ref` gives the
# same bytes at every attempt, as far as what it names has not changed.
sources: dict[str, Callable[[str], bytes]] = {}


@dataclass(frozen=True)
class Attachment:
    source: str  # a key of `sources`
    ref: str  # what the source makes, such as an id
    name: str  # of the file
    content_type: str

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    def content(self) -> bytes:
        """Raises LookupError when nothing makes it any more."""
        return sources[self.source](self.ref)
