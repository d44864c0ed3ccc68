"""Reading mails as people and programs do."""

import re
from html.parser import HTMLParser

from billing.foundation.mail.blocks import GAP

UNSEEN = {"style", "title", "h1", "div"}  # the subject, and what only lists of messages show
VOID = {"meta", "br"}


class Mail(HTMLParser):
    """Its visible text without the title, its addresses, and everything that is an element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.links, self.tags = "", list[str](), set[str]()
        self._open: list[tuple[str, bool]] = []
        self.feed(html)
        assert self._open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.links += [found["href"] or ""] if "href" in found else []
        assert not [name for name in found if name.startswith("on") or name == "src"]
        self.text += " " if tag in VOID else ""
        if tag not in VOID:
            self._open.append((tag, tag in UNSEEN or found.get("class", "") == "brand"))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag
        self.text += " "

    def handle_data(self, data: str) -> None:
        if not any(unseen for _, unseen in self._open):
            self.text += data


def words(text: str) -> list[str]:
    """In order of the alphabet; addresses of the web, and the gaps in what could be one, are not words."""
    bare = re.sub(r"https?://\S+", " ", text).replace(GAP, "")
    return sorted(re.findall(r"\w+", re.sub(r"(?m)^\d\. ", "", bare)))
