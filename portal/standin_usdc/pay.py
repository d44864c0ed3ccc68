"""Pays as an agent does, with test USDC from a new wallet: `python -m portal.standin_usdc.pay --key pws_… 5`."""

import argparse
import base64
import json
import os
import secrets
import sys
import time
from typing import Any
from uuid import uuid4

import httpx

from billing.packs.x402.rails import SIMULATED_PAGES, TOKENS, is_simulated
from portal.home import home
from portal.standin.places import USDC, port_of
from portal.standin_usdc.signing import Authorization, Domain, Wallet

TOP_UP = "/api/v1/credits/topup"
HEADERS = {1: "X-PAYMENT", 2: "PAYMENT-SIGNATURE"}
PATIENCE = 60.0  # seconds; the portal waits for the network meanwhile


class Failed(Exception):
    """One line for a person. Nothing was paid, unless it says so."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m portal.standin_usdc.pay",
        description="Top a workspace of the demo up with test USDC, from a new wallet that is kept nowhere.",
    )
    parser.add_argument("amount", nargs="?", default="5", help="US dollars (5)")
    parser.add_argument("--url", default="http://localhost:8000", help="the portal (http://localhost:8000)")
    parser.add_argument("--key", default=os.environ.get("PURSER_KEY", ""), help="API key; PURSER_KEY otherwise")
    parser.add_argument("--workspace", default="", help="its id, if the key is the operator's")
    parser.add_argument("--pack", default="", help="a pack instead of an amount")
    parser.add_argument("--version", type=int, choices=(1, 2), default=2, help="of the protocol (2)")
    parser.add_argument(
        "--sent-before", action="store_true", help="send the transfer past the portal first, so that staff must decide"
    )
    told = parser.parse_args(arguments)
    if not told.key:
        parser.error("--key is missing: make one on the page “API keys”, with the scope billing:write")
    try:
        status = pay(told)
    except Failed as failed:
        print(f"purser: {failed}", file=sys.stderr)
        return 1
    return 0 if status < 300 or told.sent_before else 1


def pay(told: argparse.Namespace) -> int:
    """The status of the portal's answer. Raises Failed."""
    body = {"packId": told.pack} if told.pack else {"amount_usd": told.amount}
    headers = {"Authorization": f"Bearer {told.key}", "Idempotency-Key": str(uuid4())}
    if told.workspace:
        headers["Purser-Workspace"] = told.workspace
    url = told.url.rstrip("/")
    with httpx.Client(timeout=PATIENCE, trust_env=False) as client:
        demanded = _post(client, url + TOP_UP, body, headers)
        if demanded.status_code != 402:
            raise Failed(f"nothing to pay was named: {_words(demanded)}")
        required = _required(demanded, told.version)
        payment = payment_of(required, told.version)
        if told.sent_before:
            _send(client, required, payment, told.version)
        paid = _post(client, url + TOP_UP, body, headers | {HEADERS[told.version]: header_of(payment)})
    print(f"{paid.status_code} {json.dumps(paid.json(), indent=2)}")
    if transaction := paid.json().get("transaction"):
        print(f"{url}{SIMULATED_PAGES}{transaction}")
    return paid.status_code


def _required(demanded: httpx.Response, version: int) -> dict[str, Any]:
    """The first way to pay. Raises Failed where it is no test money."""
    told = demanded.json() if version == 1 else json.loads(base64.b64decode(demanded.headers["PAYMENT-REQUIRED"]))
    required: dict[str, Any] = told["accepts"][0]
    if not is_simulated(required["payTo"]):
        raise Failed("this portal takes real USDC; this command pays at the demo's stand-in only")
    return required


def header_of(payment: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(payment).encode()).decode()


def payment_of(required: dict[str, Any], version: int) -> dict[str, Any]:
    """What is required, signed by a new wallet."""
    token = next(token for key, token in TOKENS.items() if required["network"] in (key, token.network))
    wallet, now = Wallet(), int(time.time())
    wanted = Authorization(
        payer=wallet.address,
        to=required["payTo"],
        value=int(required["maxAmountRequired" if version == 1 else "amount"]),
        valid_after=now - 60,
        valid_before=now + required["maxTimeoutSeconds"],
        nonce="0x" + secrets.token_hex(32),
    )
    domain = Domain(token.name, token.version, int(token.network.partition(":")[2]), required["asset"])
    inner = {
        "signature": wallet.sign(domain, wanted),
        "authorization": {
            "from": wanted.payer,
            "to": wanted.to,
            "value": str(wanted.value),
            "validAfter": str(wanted.valid_after),
            "validBefore": str(wanted.valid_before),
            "nonce": wanted.nonce,
        },
    }
    if version == 1:
        return {"x402Version": 1, "scheme": "exact", "network": required["network"], "payload": inner}
    return {"x402Version": 2, "accepted": required, "payload": inner}


def _send(client: httpx.Client, required: dict[str, Any], payment: dict[str, Any], version: int) -> None:
    """As somebody who saw the payment could."""
    url = f"http://127.0.0.1:{port_of(home(), USDC)}/settle"
    asked = {"x402Version": version, "paymentPayload": payment, "paymentRequirements": required}
    answer = _post(client, url, asked, {})
    if not answer.json().get("success"):
        raise Failed(f"the stand-in does not send it: {_words(answer)}")
    print(f"sent past the portal: {answer.json()['transaction']}")


def _post(client: httpx.Client, url: str, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
    try:
        return client.post(url, json=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Failed(f"{url} does not answer ({type(error).__name__}); send nothing again before you looked") from error


def _words(answer: httpx.Response) -> str:
    try:
        return f"{answer.status_code} {answer.json().get('detail') or answer.text}"
    except ValueError:
        return f"{answer.status_code} {answer.text[:200]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
