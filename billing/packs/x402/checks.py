"""System checks: a mistyped address or node would cost money."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from billing.packs.x402.addresses import ADDRESS, checksummed, is_mistyped
from billing.packs.x402.rails import TOKENS, is_simulated

_NAME = re.compile(r"[a-z0-9-]{1,40}")
_HERE = ("127.0.0.1", "localhost", "::1")


@register(Tags.security)
def check_crypto(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    if not settings.X402_PAY_TO:
        return []
    return [Error(message, hint=hint, id=f"purser.E{number:03d}") for number, wrong, message, hint in _rules() if wrong]


def _rules() -> list[tuple[int, bool, str, str]]:
    networks, pay_to = settings.X402_NETWORKS, settings.X402_PAY_TO
    is_address = bool(ADDRESS.fullmatch(pay_to))
    unknown = sorted(set(networks) - set(TOKENS))
    urls = [settings.X402_FACILITATOR_URL, *networks.values()]
    return [
        (
            21,
            not is_address,
            "X402_PAY_TO is no address.",
            "0x and 40 hexadecimal digits: the address that receives USDC, of this installation alone.",
        ),
        (
            26,
            is_address and is_mistyped(pay_to),
            f"X402_PAY_TO has a wrong checksum: a digit of {pay_to} is mistyped, or the case of a letter.",
            "Copy it once more from the wallet. If every digit is right, it is spelled"
            f" {checksummed(pay_to) if is_address else ''}; all in lower case is taken, too.",
        ),
        (
            27,
            is_simulated(pay_to) and not settings.X402_SIMULATED,
            "X402_PAY_TO is the address of the demo's stand-in, for which nobody has a key.",
            "Set an address of a wallet of yours: whatever is sent to this one is lost.",
        ),
        (
            22,
            not networks or bool(unknown),
            f"X402_NETWORKS names {', '.join(_shown(unknown)) or 'no network'}.",
            f"One or several of {', '.join(TOKENS)}, each with its node: base=https://node.example/…",
        ),
        (
            23,
            not all(map(_is_safe, urls)),
            "X402_FACILITATOR_URL and the nodes in X402_NETWORKS are https:// addresses.",
            "Signed payments go there, and credits depend on what they say; http:// is taken on this machine only.",
        ),
        (
            25,
            _tests_are_paid_for(networks),
            "X402_NETWORKS has a test network, whose USDC is worth nothing, where credits are sold for money.",
            "Name test networks alone, and only while Stripe is in test mode or not connected.",
        ),
        (
            24,
            not 0 < settings.X402_LEAST_USD <= settings.X402_MOST_USD <= 100_000,
            "X402_LEAST_USD and X402_MOST_USD are no range.",
            "Whole US dollars, from 1 to 100,000.",
        ),
    ]


def _shown(names: list[str]) -> list[str]:
    """Where the name was forgotten, it is an address, which may hold a key."""
    return [name if _NAME.fullmatch(name) else "an address without a name" for name in names]


def _tests_are_paid_for(networks: dict[str, str]) -> bool:
    kinds = {TOKENS[name].test for name in networks if name in TOKENS}
    return True in kinds and (False in kinds or settings.STRIPE_LIVE_MODE)


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE))
