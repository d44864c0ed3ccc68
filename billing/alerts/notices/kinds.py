"""Which members see a notice, by the kind of its news: who is told of it by e-mail, or may see it anyway. Pure."""

from typing import Literal
from urllib.parse import urlsplit

Audience = Literal["everyone", "billing", "keys", "team", "workspace"]

# By the longest beginning of a kind that is here, up to a dot. None: what is meant for one person, or repeats what was
# told, is no notice.
AUDIENCES: dict[str, Audience | None] = {
    "account": None,
    "addon": "everyone",
    "api_key": "keys",
    "api_key.paused": "everyone",
    "balance": "everyone",
    "budget": "everyone",
    "card": "billing",
    "credits": "everyone",
    "grant": "everyone",
    "invitation": None,
    "invoice": "billing",
    "invoice.copy": None,
    "lot": "everyone",
    "member": "team",
    "member.invited": None,
    "price": "everyone",
    "prices": "everyone",
    "purchase": "billing",
    "resources": "everyone",
    "subscription": "billing",
    "topup": "billing",
    "usage": "everyone",
    "voice": "everyone",
    "webhooks": "workspace",
    "workspace": None,
}
OTHERWISE: Audience = "billing"  # nobody sees of a kind that is new what may be about money


def audience_of(kind: str) -> Audience | None:
    """Who sees a notice of this kind; None: nobody, it is not kept."""
    parts = kind.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in AUDIENCES:
            return AUDIENCES[name]
    return OTHERWISE


def path_of(link: str, site_url: str) -> str:
    """The path of an address of this site; empty for any other, which a page must not send people to."""
    home = site_url.rstrip("/")
    if not link.startswith(f"{home}/") or not link.isprintable() or "\\" in link:
        return ""
    path = link[len(home) :]
    try:
        parts = urlsplit(path)
    except ValueError:
        return ""
    # "//host" is another host to a browser.
    return "" if path.startswith("//") or parts.scheme or parts.netloc else path
