"""x402 1.0.0, which speaks version 1 of the protocol only, with requests."""

import os

from eth_account import Account
from x402.clients.requests import x402_requests

session = x402_requests(Account.from_key(os.environ["WALLET_KEY"]), max_value=50_000_000)
answer = session.post(
    os.environ["PURSER_URL"] + "/api/v1/credits/topup",
    json={"amount_usd": 5},
    headers={"Authorization": f"Bearer {os.environ['PURSER_KEY']}"},
    timeout=30,
)
answer.raise_for_status()
print(answer.json()["balance"], answer.json()["transaction"])
