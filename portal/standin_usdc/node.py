"""What a node of the network is asked by JSON-RPC. https://ethereum.org/developers/docs/apis/json-rpc"""

from collections.abc import Callable
from typing import Any

from portal.standin_usdc.chain import Chain, Moved, latest, time_of
from portal.standin_usdc.signing import topic

TRANSFER = topic("Transfer(address,address,uint256)")
USED = topic("AuthorizationUsed(address,bytes32)")
UNKNOWN_METHOD, BAD_PARAMS = -32601, -32602


class Node:
    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self._methods: dict[str, Callable[..., Any]] = {
            "eth_chainId": lambda: hex(chain.chain_id),
            "eth_blockNumber": lambda: hex(latest()),
            "eth_getBlockByNumber": self._block,
            "eth_getCode": self._code,
            "eth_getLogs": self._logs,
            "eth_getTransactionReceipt": self._receipt,
        }

    def call(self, asked: dict[str, Any]) -> dict[str, Any]:
        answer = {"jsonrpc": "2.0", "id": asked.get("id")}
        method = self._methods.get(str(asked.get("method")))
        if method is None:
            return answer | {"error": {"code": UNKNOWN_METHOD, "message": "The stand-in has no such method."}}
        try:
            return answer | {"result": method(*asked.get("params", []))}
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            return answer | {"error": {"code": BAD_PARAMS, "message": str(error)}}

    def _block(self, which: str, _full: bool = False) -> dict[str, Any] | None:
        number = latest() if which == "latest" else int(which, 16)
        return {"number": hex(number), "timestamp": hex(time_of(number))} if 0 <= number <= latest() else None

    def _code(self, address: str, _block: str = "latest") -> str:
        """Nobody but the token is a contract."""
        return "0x00" if address.lower() == self.chain.token.asset.lower() else "0x"

    def _logs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """Of the token, by payer and nonce: what became of one authorization."""
        kinds, payer, nonce = wanted["topics"]
        moved = self.chain.authorized("0x" + payer[-40:], nonce)
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        if moved is None or not first <= moved.block <= last or wanted["address"].lower() != self._token:
            return []
        used = _used(moved, self._token)
        return [used] if USED in ([kinds] if isinstance(kinds, str) else kinds) else []

    def _receipt(self, hash: str) -> dict[str, Any] | None:
        moved = self.chain.transaction(hash)
        if moved is None:
            return None
        place = {"transactionHash": moved.hash, "blockNumber": hex(moved.block), "status": "0x1"}
        return place | {"logs": [_used(moved, self._token), _transfer(moved, self._token)]}

    @property
    def _token(self) -> str:
        return self.chain.token.asset.lower()


def _used(moved: Moved, token: str) -> dict[str, Any]:
    return _log(moved, token, [USED, _topic(moved.payer), moved.nonce], "0x")


def _transfer(moved: Moved, token: str) -> dict[str, Any]:
    return _log(moved, token, [TRANSFER, _topic(moved.payer), _topic(moved.receiver)], f"0x{moved.units:064x}")


def _log(moved: Moved, token: str, topics: list[str], data: str) -> dict[str, Any]:
    where = {"transactionHash": moved.hash, "blockNumber": hex(moved.block), "address": token}
    return where | {"topics": topics, "data": data, "removed": False}


def _topic(address: str) -> str:
    return "0x" + address.removeprefix("0x").rjust(64, "0")
