"""One look for every mail: a letter's plain text in the layout, as text and as HTML."""

import re
from dataclasses import dataclass

from django.conf import settings
from django.template.loader import get_template

from billing.foundation.mail.blocks import Block, blocks, unlinked
from billing.foundation.site.look import accents, picture
from billing.foundation.site.selectors import site

_WEB = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True)
class Letter:
    """`text` is plain (see blocks.py), without greeting, signature and links. Only `link`, `also` and the two of the
    footer become links; they are absolute addresses of the web.
    """

    subject: str
    text: str
    reason: str  # "Sent to you because …", without its full stop
    link: str = ""
    button: str = ""
    also: tuple[tuple[str, str], ...] = ()  # further links: what is written on them, address
    greeting: str = "Hello,"
    preferences: str = ""
    unsubscribe: str = ""


@dataclass(frozen=True)
class Rendered:
    text: str
    html: str


def rendered(letter: Letter) -> Rendered:
    """Both parts of the mail, of the same words. Raises ValueError for a link that is none of the web."""
    links = [letter.link, letter.preferences, letter.unsubscribe, *(url for _, url in letter.also)]
    for link in filter(None, links):
        if not _WEB.fullmatch(link):
            raise ValueError(f"not an absolute address of the web: {link!r}")
    parts = blocks(unlinked(letter.text))
    light, dark = accents(site())
    shown = {
        "letter": letter,
        "links": [(_leading(label), url) for label, url in ((letter.button, letter.link), *letter.also) if url],
        "title": unlinked(letter.subject),
        "reason": unlinked(letter.reason),
        "product": site().product_name,
        "home": settings.SITE_URL,
        "light": light,
        "dark": dark,
        "logo": picture(site()),
        "support": site().support_email,
        "blocks": parts,
        "body": "\n\n".join(block.text() for block in parts),
        "preheader": _preheader(parts),
    }
    html = get_template("foundation/email/layout.html").render(shown)
    return Rendered(
        text=get_template("foundation/email/layout.txt").render(shown),
        html="\n".join(line for line in map(str.strip, html.split("\n")) if line),
    )


def _leading(label: str) -> str:
    """What is written on a link, on the line before its address."""
    return label if label.endswith(("?", "!", ".", ":")) else f"{label}:"


def _preheader(parts: list[Block]) -> str:
    """What lists of messages show beside the subject: the first sentences."""
    first = next((block for block in parts if block.shape == "paragraph"), None)
    return " ".join(first.lines)[:140] if first else ""
