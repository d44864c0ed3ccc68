"""A network of one token, in memory: what a real one does with EIP-3009 authorizations, without blocks or gas.

It is the signer of the x402 package's own facilitator, so signatures, windows and simulations are checked by that
package's real code; and it answers a node's JSON-RPC.
"""

import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from eth_abi import decode, encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address
from x402.mechanisms.evm.constants import MULTICALL3_ADDRESS
from x402.mechanisms.evm.types import TransactionReceipt

from billing.packs.x402.chain import CANCELED, TRANSFER, USED
from billing.packs.x402.rails import Token

# In the order of the contract's arguments, which the three parts of the signature follow.
FIELDS = [("from", "address"), ("to", "address"), ("value", "uint256"), ("validAfter", "uint256")]
FIELDS += [("validBefore", "uint256"), ("nonce", "bytes32")]
TYPES = {"TransferWithAuthorization": [{"name": name, "type": kind} for name, kind in FIELDS]}


class Reverted(Exception):
    """In the token contract's own words, which the package reads."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"execution reverted: {reason}")


@dataclass
class Chain:
    token: Token
    balances: dict[str, int] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by transaction
    spent: dict[tuple[str, str], tuple[str, str, int]] = field(default_factory=dict)  # → topic, transaction, block
    block: int = 1_000
    ahead: int = 0  # seconds that its clock has gone on
    slow_receipts: int = 0  # times that waiting for a receipt takes too long
    lock: Any = field(default_factory=threading.RLock)
    relayer: str = field(default_factory=lambda: Account.create().address)

    @property
    def chain_id(self) -> int:
        return int(self.token.network.partition(":")[2])

    # What happens there without our facilitator.

    def mint(self, address: str, units: int) -> None:
        self.balances[address.lower()] = units

    def cancel(self, payer: str, nonce: str) -> None:
        with self.lock:
            self._spend(payer, nonce, CANCELED, self._begin())

    def balance(self, address: str) -> int:
        return self.balances.get(address.lower(), 0)

    def arguments(self, payment: Any) -> tuple[Any, ...]:
        """What anybody who has the payment calls transferWithAuthorization with."""
        signed, signature = payment.payload["authorization"], bytes.fromhex(payment.payload["signature"][2:])
        numbers = (int(signed[name]) for name in ("value", "validAfter", "validBefore"))
        nonce = bytes.fromhex(signed["nonce"][2:])
        return (signed["from"], signed["to"], *numbers, nonce, signature[64], signature[:32], signature[32:64])

    def signable(self, *fields: Any) -> Any:
        """What its owner signs."""
        return encode_typed_data(
            domain_data={
                "name": self.token.name,
                "version": self.token.version,
                "chainId": self.chain_id,
                "verifyingContract": to_checksum_address(self.token.asset),
            },
            message_types=TYPES,
            message_data=dict(zip([name for name, _ in FIELDS], fields, strict=True)),
        )

    # The token contract.

    def _check(self, payer: str, to: str, value: int, after: int, before: int, nonce: bytes, *sig: Any) -> None:
        now = int(time.time())
        if now <= after:
            raise Reverted("FiatTokenV2: authorization is not yet valid")
        if now >= before:
            raise Reverted("FiatTokenV2: authorization is expired")
        if (payer.lower(), "0x" + nonce.hex()) in self.spent:
            raise Reverted("FiatTokenV2: authorization is used or canceled")
        signed = self.signable(payer, to, value, after, before, nonce)
        v, r, s = sig
        signer = Account.recover_message(signed, vrs=(v, int.from_bytes(r, "big"), int.from_bytes(s, "big")))
        if signer.lower() != payer.lower():
            raise Reverted("FiatTokenV2: invalid signature")
        if self.balance(payer) < value:
            raise Reverted("ERC20: transfer amount exceeds balance")

    def _spend(self, payer: str, nonce: str, topic: str, transaction: str) -> None:
        self.spent[(payer.lower(), nonce.lower())] = (topic, transaction, self.block)
        self._emit(transaction, [topic, _topic(payer), nonce.lower()])

    def _emit(self, transaction: str, topics: list[str], data: str = "0x") -> None:
        event = {"address": to_checksum_address(self.token.asset), "topics": topics, "data": data}
        self.events.setdefault(transaction, []).append(event)

    def _begin(self) -> str:
        """A new block with one transaction, whose hash it is."""
        self.block += 1
        return "0x" + os.urandom(32).hex()

    def transfer(self, *each: tuple[Any, ...]) -> str:
        """The arguments of several calls of transferWithAuthorization: a contract can make them in one transaction."""
        with self.lock:
            for args in each:
                self._check(*args)
            transaction = self._begin()
            for payer, to, value, _, _, nonce, *_ in each:
                self._spend(payer, "0x" + nonce.hex(), USED, transaction)
                self.balances[payer.lower()] -= value
                self.balances[to.lower()] = self.balance(to) + value
                self._emit(transaction, [TRANSFER, _topic(payer), _topic(to)], f"0x{value:064x}")
        return transaction

    # x402.mechanisms.evm.signer.FacilitatorEvmSigner

    def get_addresses(self) -> list[str]:
        return [self.relayer]

    def get_chain_id(self) -> int:
        return self.chain_id

    def get_code(self, address: str) -> bytes:
        return b"\x60\x80" if address.lower() == self.token.asset.lower() else b""  # nobody else is a contract

    def get_balance(self, address: str, token_address: str) -> int:
        return self.balance(address)

    def verify_typed_data(self, *args: Any, **kwargs: Any) -> bool:
        raise NotImplementedError

    def send_transaction(self, to: str, data: bytes) -> str:
        raise NotImplementedError

    def read_contract(self, address: str, abi: Any, name: str, *args: Any) -> Any:
        if name == "transferWithAuthorization":
            self._check(*args)
            return None
        if name == "tryAggregate" and address.lower() == MULTICALL3_ADDRESS.lower():
            return [self._tried(target, data) for target, data in args[1]]
        raise Reverted(f"{name} is not here")

    def write_contract(self, address: str, abi: Any, name: str, *args: Any, data_suffix: Any = None) -> str:
        assert (name, address.lower()) == ("transferWithAuthorization", self.token.asset.lower())
        return self.transfer(args)

    def wait_for_transaction_receipt(self, transaction: str) -> TransactionReceipt:
        if self.slow_receipts:
            self.slow_receipts -= 1
            raise TimeoutError("no receipt yet")
        return TransactionReceipt(status=1, block_number=self.block, tx_hash=transaction, logs=self.events[transaction])

    def _tried(self, target: str, data: bytes) -> tuple[bool, bytes]:
        try:
            return True, self._view(data[:4], data[4:])
        except Reverted:
            return False, b""

    def _view(self, selector: bytes, body: bytes) -> bytes:
        views = {
            "balanceOf(address)": lambda: encode(["uint256"], [self.balance(decode(["address"], body)[0])]),
            "name()": lambda: encode(["string"], [self.token.name]),
            "version()": lambda: encode(["string"], [self.token.version]),
            "authorizationState(address,bytes32)": lambda: encode(["bool"], [self._is_spent(body)]),
        }
        for signature, view in views.items():
            if keccak(text=signature)[:4] == selector:
                return view()
        raise Reverted("selector")

    def _is_spent(self, body: bytes) -> bool:
        payer, nonce = decode(["address", "bytes32"], body)
        return (payer.lower(), "0x" + nonce.hex()) in self.spent

    # A node's JSON-RPC.

    def rpc(self, method: str, params: list[Any]) -> Any:
        match method:
            case "eth_getBlockByNumber":
                return {"number": hex(self.block), "timestamp": hex(int(time.time()) + self.ahead)}
            case "eth_getLogs":
                return self._logs(params[0])
            case "eth_getTransactionReceipt":
                return self._receipt(params[0])
        raise ValueError(method)

    def _logs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        topics, who, nonce = wanted["topics"]
        found = self.spent.get(("0x" + who[-40:], nonce))
        if found is None or found[0] not in topics or wanted["address"].lower() != self.token.asset.lower():
            return []
        topic, transaction, block = found
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        if not first <= block <= last or last - first > 10_000:
            return []
        return [{"address": self.token.asset.lower(), "topics": [topic, who, nonce], "transactionHash": transaction}]

    def _receipt(self, transaction: str) -> dict[str, Any] | None:
        events = self.events.get(transaction)
        return None if events is None else {"status": "0x1", "logs": events}


def _topic(address: str) -> str:
    return "0x" + address.lower().removeprefix("0x").rjust(64, "0")
