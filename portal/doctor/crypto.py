"""What payments in USDC stand on: the facilitator, and a node of each network."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings

from billing.credits import clock
from billing.packs.x402 import chain, facilitator
from billing.packs.x402.errors import NoAnswer
from billing.packs.x402.rails import Rail, rails
from billing.packs.x402.requirements import SCHEME
from portal.doctor.findings import Finding, first_line, note, ok, wrong

PATIENCE = 10.0  # seconds for an answer
BEHIND = timedelta(minutes=5)  # as long as a payment may take
FACILITATOR = "USDC facilitator"


def usdc() -> Iterator[Finding]:
    """Nothing is said where payments in USDC are off: they are nobody's duty."""
    if not rails():
        return
    if any(rail.simulated for rail in rails()):
        yield note("USDC", "a stand-in on this machine takes test money", "X402_PAY_TO takes USDC.")
    elif any(rail.token.test for rail in rails()):
        names = ", ".join(rail.token.label for rail in rails() if rail.token.test)
        yield note(
            "USDC", f"{names}: USDC of a test network buys credits", "It is worth nothing. Use it for tests only."
        )
    yield from _facilitator()
    for rail in rails():
        yield from _node(rail)


def _facilitator() -> Iterator[Finding]:
    where = urlsplit(settings.X402_FACILITATOR_URL).hostname
    try:
        kinds = facilitator.supported(timeout=PATIENCE)
    except NoAnswer as error:
        said = first_line(error)
        fix = "X402_FACILITATOR_URL is the address to which /supported, /verify and /settle are added. Does it run?"
        if any(rail.simulated for rail in rails()):
            fix = "Only make run starts the stand-in. X402_PAY_TO takes USDC."
        elif said in ("HTTP 401", "HTTP 403"):
            fix = "Correct X402_FACILITATOR_TOKEN."
        yield wrong(FACILITATOR, f"{where} does not say what it supports: {said}", fix)
        return
    complete = True
    for rail in rails():
        missing = [version for version in (1, 2) if not _takes(kinds, version, rail)]
        complete &= not missing
        if len(missing) == 2:
            fix = f"Choose a facilitator that settles there, or take {rail.key} out of X402_NETWORKS."
            yield wrong(FACILITATOR, f"{where} takes no “{SCHEME}” payments on {rail.token.label}", fix)
        elif missing:
            fix = f"Clients of version {missing[0]} cannot pay. Choose a facilitator that takes both."
            yield note(FACILITATOR, f"{where} takes version {3 - missing[0]} alone on {rail.token.label}", fix)
    if complete:
        yield ok(FACILITATOR, f"{where} takes “{SCHEME}” payments of both versions on all networks")


def _takes(kinds: set[tuple[int, str, str]], version: int, rail: Rail) -> bool:
    """Version 2 may name a whole family of networks."""
    names = (rail.key,) if version == 1 else (rail.network, "eip155:*")
    return any((version, SCHEME, name) in kinds for name in names)


def _node(rail: Rail) -> Iterator[Finding]:
    """Its address may hold a key, so only the host is told."""
    part, where = f"USDC, {rail.token.label}", urlsplit(rail.node).hostname
    setting = f"the address of {rail.key} in X402_NETWORKS"
    try:
        found = chain.node_is(rail)
    except NoAnswer as error:
        yield wrong(part, f"the node at {where} does not answer: {first_line(error)}", f"Correct {setting}.")
        return
    if found.chain_id != rail.chain_id:
        words = f"the node at {where} is of chain {found.chain_id}, not {rail.chain_id}"
        yield wrong(part, words, f"Correct {setting}: it has to be a node of {rail.token.label}.")
        return
    if not found.searches:
        words = f"the node at {where} does not search {chain.SPAN:,} blocks at once (eth_getLogs)"
        yield wrong(part, words, "Use another node, or another plan of its provider: payments cannot be looked up.")
        return
    age = clock.now() - datetime.fromtimestamp(found.at, UTC)
    if not found.has_token:
        words = f"the node at {where} knows no contract at {rail.asset}, where USDC is"
        yield wrong(part, words, f"Correct {setting}, or let the node catch up with its network.")
    elif age > BEHIND:
        words = f"the latest block of the node at {where} is {age.total_seconds() / 60:,.0f} minutes old"
        yield wrong(part, words, "Let it catch up, or use another node: payments wait until it shows them.")
    else:
        yield ok(part, f"the node at {where} is of chain {found.chain_id}, and has USDC")
