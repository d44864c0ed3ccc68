"""Where USDC is taken: the networks the operator chose, the token on each, and the address that receives it."""

from dataclasses import dataclass

from django.conf import settings

DECIMALS = 6  # of USDC, on all of these networks
UNITS_PER_CENT: int = 10 ** (DECIMALS - 2)
TIMEOUT = 300  # seconds that a payment may take, told to the client
# What the stand-in of the demo plays, and where it is paid: the end of a hash, so nobody has a key for it.
SIMULATED_KEY = "base-sepolia"
SIMULATED_PAY_TO = "0x6D5d88C8066F98d068b0a3582f1D3a40Da5d93c5"
SIMULATED_PAGES = "/simulated-usdc/transactions/"


@dataclass(frozen=True)
class Token:
    """USDC of one network. `name` and `version` are the contract's own: a signature covers them (EIP-712)."""

    network: str  # CAIP-2, as version 2 of the protocol writes it
    label: str
    asset: str
    name: str
    version: str
    explorer: str  # of a transaction; its hash follows
    test: bool = False  # a test network: its USDC is worth nothing


@dataclass(frozen=True)
class Rail:
    """One way to pay. `key` is the network as version 1 of the protocol writes it."""

    key: str
    token: Token
    pay_to: str
    node: str  # URL of the JSON-RPC that payments are looked up at

    @property
    def network(self) -> str:
        return self.token.network

    @property
    def chain_id(self) -> int:
        return int(self.token.network.partition(":")[2])

    @property
    def asset(self) -> str:
        return self.token.asset

    @property
    def simulated(self) -> bool:
        """Test money on the stand-in of this machine."""
        return is_simulated(self.pay_to)


# Addresses and EIP-712 names: Circle's contract list, and what the contracts answer to name() and version().
TOKENS = {
    "base": Token(
        "eip155:8453",
        "Base",
        "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
        "USD Coin",
        "2",
        "https://basescan.org/tx/",
    ),
    "base-sepolia": Token(
        "eip155:84532",
        "Base Sepolia",
        "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "USDC",
        "2",
        "https://sepolia.basescan.org/tx/",
        test=True,
    ),
}


def rails() -> tuple[Rail, ...]:
    """In the operator's order; none while top-ups in USDC are off."""
    if not settings.X402_PAY_TO:
        return ()
    return tuple(
        Rail(key, TOKENS[key], settings.X402_PAY_TO, node)
        for key, node in settings.X402_NETWORKS.items()
        if key in TOKENS
    )


def rail_of(network: str) -> Rail | None:
    """By its CAIP-2 name; None of one that is not offered any more."""
    return next((rail for rail in rails() if rail.network == network), None)


def is_simulated(pay_to: str) -> bool:
    """Whether what was paid to this address is the stand-in's test money, whatever is set up by now."""
    return pay_to.lower() == SIMULATED_PAY_TO.lower()


def transaction_url(network: str, transaction: str, pay_to: str) -> str:
    """Where people can look a transaction up; empty for an unknown network. No explorer knows those of the stand-in:
    they have a page here, as long as it runs.
    """
    if transaction and is_simulated(pay_to):
        return f"{SIMULATED_PAGES}{transaction}" if settings.X402_SIMULATED else ""
    token = next((token for token in TOKENS.values() if token.network == network), None)
    return token.explorer + transaction if token and transaction else ""
