"""Version 1 of the protocol, signed by a client that knows both: from the body of the 402."""

import os

import requests
from eth_account import Account
from x402 import x402ClientSync
from x402.http.utils import encode_payment_signature_header
from x402.mechanisms.evm.exact.register import register_exact_evm_client
from x402.schemas.v1 import PaymentRequiredV1

client = x402ClientSync()
register_exact_evm_client(client, Account.from_key(os.environ["WALLET_KEY"]))
client.set_spend_controls({"max_amount_per_payment": "$50"})

url = os.environ["PURSER_URL"] + "/api/v1/credits/topup"
headers = {"Authorization": f"Bearer {os.environ['PURSER_KEY']}"}
demanded = requests.post(url, json={"amount_usd": 5}, headers=headers, timeout=30)
payment = client.create_payment_payload(PaymentRequiredV1.model_validate(demanded.json()))
headers["X-PAYMENT"] = encode_payment_signature_header(payment)
answer = requests.post(url, json={"amount_usd": 5}, headers=headers, timeout=30)
answer.raise_for_status()
print(answer.json()["balance"], answer.json()["transaction"])
