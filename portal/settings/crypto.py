"""Top-ups in USDC over x402: off until a receiving address is set, but for the demo, where a stand-in takes them."""

from billing.packs.x402.rails import SIMULATED_KEY, SIMULATED_PAY_TO
from portal.settings.env import HOME, env
from portal.settings.services import DEMO
from portal.standin.places import USDC, port_of
from portal.standin_usdc.paths import NODE


def _networks(given: list[str]) -> dict[str, str]:
    """Name of the network → URL of a node's JSON-RPC, from `name=url` each."""
    return {name.strip(): url.strip() for name, _, url in (part.partition("=") for part in given)}


X402_PAY_TO = env.str(
    "X402_PAY_TO", ""
).strip()  # one per installation: two that share one would both credit a transfer
X402_NETWORKS = _networks(env.list("X402_NETWORKS", []))
X402_FACILITATOR_URL = env.str("X402_FACILITATOR_URL", "").rstrip("/")
X402_FACILITATOR_TOKEN = env.str("X402_FACILITATOR_TOKEN", "")
X402_SIMULATED = DEMO and not X402_PAY_TO
if X402_SIMULATED:
    X402_FACILITATOR_URL = f"http://127.0.0.1:{port_of(HOME, USDC)}"
    X402_PAY_TO, X402_FACILITATOR_TOKEN = SIMULATED_PAY_TO, ""
    X402_NETWORKS = {SIMULATED_KEY: X402_FACILITATOR_URL + NODE}
X402_LEAST_USD = env.int("X402_LEAST_USD", 1)
X402_MOST_USD = env.int("X402_MOST_USD", 1_000)
