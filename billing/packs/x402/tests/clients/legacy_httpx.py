"""x402 1.0.0, which speaks version 1 of the protocol only, with httpx."""

import asyncio
import os

from eth_account import Account
from x402.clients.httpx import x402HttpxClient


async def main() -> None:
    account = Account.from_key(os.environ["WALLET_KEY"])
    async with x402HttpxClient(account=account, max_value=50_000_000, timeout=30) as http:
        answer = await http.post(
            os.environ["PURSER_URL"] + "/api/v1/credits/topup",
            json={"amount_usd": 5},
            headers={"Authorization": f"Bearer {os.environ['PURSER_KEY']}"},
        )
    answer.raise_for_status()
    print(answer.json()["balance"], answer.json()["transaction"])


asyncio.run(main())
