"""What the network itself shows of a payment, asked of a node by JSON-RPC.

That a nonce is used proves nothing: its owner may have cancelled it, or used it for another transfer. Nor is a transfer
to us in the same transaction enough: a contract can use several authorizations in one. USDC writes AuthorizationUsed
and, as the very next event, the Transfer that it was used for (Circle's EIP3009.sol, `_transferWithAuthorization`):
that one, from the payer to us and over this amount, is the payment, and no other authorization's.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import httpx

from billing.packs.x402.errors import NoAnswer
from billing.packs.x402.rails import Rail

TIMEOUT = 5.0  # seconds
SPAN = 1_000  # blocks that are searched at once, several times what an authorization lasts; doctor asks for as many
BEFORE = 20  # blocks before the one at which it was presented: nodes are not all at the same one

# keccak-256 of Transfer(address,address,uint256), and of AuthorizationUsed / AuthorizationCanceled(address,bytes32).
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
USED = "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5"
CANCELED = "0x1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81"
_HASH = re.compile(r"0x[0-9a-f]{64}")


@dataclass(frozen=True)
class Shown:
    """ "other": the nonce was used, for another transfer than the one to us. `at`: the time of the latest block, in
    seconds since 1970; nothing older than that is unknown any more.
    """

    what: Literal["paid", "canceled", "unused", "other"]
    transaction: str = ""
    at: int = 0


@dataclass(frozen=True)
class NodeIs:
    """Of which chain a node is, whether our token is a contract there, the time of its latest block, in seconds since
    1970, and whether it looks through as many blocks at once as payments are looked for in.
    """

    chain_id: int
    has_token: bool
    at: int
    searches: bool


def node_is(rail: Rail) -> NodeIs:
    """Raises NoAnswer."""
    with _node() as client:
        chain_id = _number(_call(client, rail, "eth_chainId", []))
        code = _call(client, rail, "eth_getCode", [rail.asset, "latest"])
        latest, at = _latest(client, rail)
        nobody = {"address": rail.asset, "topics": [[USED, CANCELED], _topic("0x0"), _topic("0x0")]}
        try:
            blocks = {"fromBlock": hex(max(latest - SPAN, 0)), "toBlock": hex(latest)}
            _call(client, rail, "eth_getLogs", [nobody | blocks])
            searches = True
        except NoAnswer:
            searches = False
        return NodeIs(chain_id, str(code) not in ("0x", "None"), at, searches)


def height(rail: Rail) -> int:
    """The latest block's number. Raises NoAnswer."""
    with _node() as client:
        return _latest(client, rail)[0]


def look(rail: Rail, *, payer: str, nonce: str, units: int, from_block: int) -> Shown:
    """What became of an authorization that was presented at block `from_block`. Raises NoAnswer, also where the node
    is behind that block.
    """
    who, first = _topic(payer), max(from_block - BEFORE, 0)
    with _node() as client:
        latest, at = _latest(client, rail)
        if latest < first:
            raise NoAnswer("node: behind")
        within = {"address": rail.asset, "fromBlock": hex(first), "toBlock": hex(min(latest, first + SPAN))}
        logs = _call(client, rail, "eth_getLogs", [{**within, "topics": [[USED, CANCELED], who, nonce]}])
        try:
            used = [log for log in logs if log["topics"][0].lower() == USED]
            if not used:
                return Shown("canceled" if logs else "unused", at=at)
            transaction = str(used[0]["transactionHash"]).lower()
            receipt = _call(client, rail, "eth_getTransactionReceipt", [transaction])
            if receipt is None or not _HASH.fullmatch(transaction):
                raise NoAnswer("node: a transaction without a receipt")
            paid = _number(receipt["status"]) == 1 and _is_paid(receipt["logs"], rail, who, nonce, units)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise NoAnswer(f"node: {type(error).__name__}") from error
    return Shown("paid" if paid else "other", transaction, at)


def _latest(client: httpx.Client, rail: Rail) -> tuple[int, int]:
    """Number of the latest block, and its time."""
    block = _call(client, rail, "eth_getBlockByNumber", ["latest", False])
    try:
        return _number(block["number"]), _number(block["timestamp"])
    except (KeyError, TypeError) as error:
        raise NoAnswer("node: no block") from error


def _is_paid(logs: list[dict[str, Any]], rail: Rail, who: str, nonce: str, units: int) -> bool:
    """`logs`: a transaction's events in their order."""
    return any(
        _is_event(used, rail, [USED, who, nonce])
        and _is_event(then, rail, [TRANSFER, who, _topic(rail.pay_to)])
        and _number(then["data"]) == units
        for used, then in pairwise(logs)
    )


def _is_event(log: dict[str, Any], rail: Rail, topics: list[str]) -> bool:
    """Whether it is the token's own."""
    return str(log["address"]).lower() == rail.asset.lower() and [str(each).lower() for each in log["topics"]] == topics


def _topic(address: str) -> str:
    return "0x" + address.lower().removeprefix("0x").rjust(64, "0")


def _number(text: Any) -> int:
    try:
        return int(text, 16)
    except (TypeError, ValueError) as error:
        raise NoAnswer("node: no number") from error


def _call(client: httpx.Client, rail: Rail, method: str, params: list[Any]) -> Any:
    try:
        answer = client.post(rail.node, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return answer.raise_for_status().json()["result"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise NoAnswer(f"{method}: {type(error).__name__}") from error


def _node() -> httpx.Client:
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False)
