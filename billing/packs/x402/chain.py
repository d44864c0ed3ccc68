"""What the network itself shows of a payment, asked of a node by JSON-RPC.

That a nonce is used proves nothing: its owner may have cancelled it. Only the token's Transfer event in the same
transaction, from the payer to us and over this amount, is a payment.
"""

from dataclasses import dataclass
from typing import Any, Literal

import httpx

from billing.packs.x402.errors import NoAnswer
from billing.packs.x402.rails import Rail

TIMEOUT = 8.0  # seconds
SPAN = 9_000  # blocks that are searched; nodes refuse more than 10,000. Far more than an authorization lasts
BEFORE = 20  # blocks before the one at which it was presented: nodes are not all at the same one

# keccak-256 of Transfer(address,address,uint256), and of AuthorizationUsed / AuthorizationCanceled(address,bytes32).
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
USED = "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5"
CANCELED = "0x1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81"


@dataclass(frozen=True)
class Shown:
    """ "other": the nonce was used, for another transfer than the one to us."""

    what: Literal["paid", "canceled", "unused", "other"]
    transaction: str = ""


def height(rail: Rail) -> int:
    """The latest block's number. Raises NoAnswer."""
    with _node(rail) as client:
        return _number(_call(client, "eth_blockNumber", []))


def look(rail: Rail, *, payer: str, nonce: str, units: int, from_block: int) -> Shown:
    """What became of an authorization that was presented at block `from_block`. Raises NoAnswer."""
    who = _topic(payer)
    first = max(from_block - BEFORE, 0)
    within = {"address": rail.asset, "fromBlock": hex(first), "toBlock": hex(first + SPAN)}
    with _node(rail) as client:
        latest = _number(_call(client, "eth_blockNumber", []))
        within["toBlock"] = hex(max(min(latest, first + SPAN), first))
        logs = _call(client, "eth_getLogs", [{**within, "topics": [[USED, CANCELED], who, nonce]}])
        if not isinstance(logs, list):
            raise NoAnswer("eth_getLogs: no list")
        if not logs:
            return Shown("unused")
        try:
            used = [log for log in logs if log["topics"][0].lower() == USED]
            if not used:
                return Shown("canceled")
            transaction = str(used[0]["transactionHash"])
            receipt = _call(client, "eth_getTransactionReceipt", [transaction])
            if receipt is None:
                raise NoAnswer("eth_getTransactionReceipt: not there yet")
            paid = _number(receipt["status"]) == 1 and any(
                _is_transfer(log, rail, who, units) for log in receipt["logs"]
            )
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise NoAnswer(f"node: {type(error).__name__}") from error
    return Shown("paid" if paid else "other", transaction)


def _is_transfer(log: dict[str, Any], rail: Rail, who: str, units: int) -> bool:
    topics = [str(topic).lower() for topic in log["topics"]]
    return (
        str(log["address"]).lower() == rail.asset.lower()
        and topics == [TRANSFER, who, _topic(rail.pay_to)]
        and _number(log["data"]) == units
    )


def _topic(address: str) -> str:
    return "0x" + address.lower().removeprefix("0x").rjust(64, "0")


def _number(text: Any) -> int:
    try:
        return int(text, 16)
    except (TypeError, ValueError) as error:
        raise NoAnswer("node: no number") from error


def _call(client: httpx.Client, method: str, params: list[Any]) -> Any:
    try:
        answer = client.post("", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return answer.raise_for_status().json()["result"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise NoAnswer(f"{method}: {type(error).__name__}") from error


def _node(rail: Rail) -> httpx.Client:
    return httpx.Client(base_url=rail.node, timeout=TIMEOUT, follow_redirects=False, trust_env=False)
