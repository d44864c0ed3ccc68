"""Version 2 of the protocol, by the package's asynchronous client."""

import asyncio
import os

from eth_account import Account
from x402 import x402Client
from x402.http.clients.httpx import x402HttpxClient
from x402.mechanisms.evm.exact.register import register_exact_evm_client


async def main() -> None:
    client = x402Client()
    register_exact_evm_client(client, Account.from_key(os.environ["WALLET_KEY"]))
    client.set_spend_controls({"max_amount_per_payment": "$50"})
    async with x402HttpxClient(client, timeout=30) as http:
        answer = await http.post(
            os.environ["PURSER_URL"] + "/api/v1/credits/topup",
            json={"amount_usd": 5},
            headers={"Authorization": f"Bearer {os.environ['PURSER_KEY']}"},
        )
    answer.raise_for_status()
    print(answer.json()["balance"], answer.json()["transaction"])


asyncio.run(main())
