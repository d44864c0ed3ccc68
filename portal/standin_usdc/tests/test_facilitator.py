"""The stand-in says what the x402 package's own facilitator says, payment by payment."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from billing.packs.x402.rails import SIMULATED_KEY, SIMULATED_PAY_TO, TOKENS
from billing.packs.x402.tests.chain import Chain
from billing.packs.x402.tests.network import Network
from portal.standin_usdc.chain import FIRST_UNITS
from portal.standin_usdc.signing import ORDER
from portal.standin_usdc.tests.payments import FIVE, authorization, exchange, signature
from portal.testing.simulated_usdc import SimulatedUsdc

VERSIONS = pytest.mark.parametrize("version", [1, 2])


@pytest.fixture(scope="module")
def standin() -> Iterator[SimulatedUsdc]:
    running = SimulatedUsdc()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def package() -> Iterator[Network]:
    running = Network(Chain(TOKENS[SIMULATED_KEY]), key=SIMULATED_KEY)
    yield running
    running.close()


@pytest.fixture
def account(package: Network) -> LocalAccount:
    """With as much money at the package's facilitator as everybody has at the stand-in."""
    made: LocalAccount = Account.create()
    package.chain.mint(made.address, FIRST_UNITS)
    return made


def post(url: str, path: str, asked: dict[str, Any]) -> httpx.Response:
    return httpx.post(url + path, json=asked, trust_env=False, timeout=20)


def outcome(url: str, path: str, asked: dict[str, Any]) -> tuple[bool, str, str]:
    """Whether it is good, why not, and whose it is."""
    answer = post(url, path, asked)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return (
        told.get("isValid", told.get("success")),
        told.get("invalidReason", told.get("errorReason", "")),
        told["payer"].lower(),
    )


def good(version: int, account: LocalAccount) -> dict[str, Any]:
    message = authorization(account)
    return exchange(version, message, signature(account, message))


def signed_with(**changes: Any) -> Callable[[int, LocalAccount], dict[str, Any]]:
    def make(version: int, account: LocalAccount) -> dict[str, Any]:
        message = authorization(account, **changes)
        return exchange(version, message, signature(account, message), units=changes.get("value", FIVE))

    return make


def expired(version: int, account: LocalAccount) -> dict[str, Any]:
    return signed_with(validBefore=int(time.time()) + 5)(version, account)


def not_yet(version: int, account: LocalAccount) -> dict[str, Any]:
    return signed_with(validAfter=int(time.time()) + 100)(version, account)


def for_another_contract(version: int, account: LocalAccount) -> dict[str, Any]:
    message = authorization(account)
    return exchange(version, message, signature(account, message, chainId=8453))


def by_another(version: int, account: LocalAccount) -> dict[str, Any]:
    message = authorization(account)
    return exchange(version, message, signature(Account.create(), message))


def garbage(version: int, account: LocalAccount) -> dict[str, Any]:
    return exchange(version, authorization(account), b"\x11" * 64 + b"\x1b")


def too_short(version: int, account: LocalAccount) -> dict[str, Any]:
    return exchange(version, authorization(account), b"\x11" * 65 + b"\x1b")


def other_value(version: int, account: LocalAccount) -> dict[str, Any]:
    message = authorization(account)
    return exchange(version, message, signature(account, message), units=FIVE + 1)


def other_network(version: int, account: LocalAccount) -> dict[str, Any]:
    asked = good(version, account)
    asked["paymentRequirements"]["network"] = "base" if version == 1 else "eip155:8453"
    return asked


def no_domain(version: int, account: LocalAccount) -> dict[str, Any]:
    asked = good(version, account)
    del asked["paymentRequirements"]["extra"]
    return asked


CASES = {
    "": good,
    "invalid_exact_evm_payload_authorization_valid_before": expired,
    "invalid_exact_evm_payload_authorization_valid_after": not_yet,
    "invalid_exact_evm_payload_signature": by_another,
    "invalid_exact_evm_payload_recipient_mismatch": signed_with(to="0x" + "11" * 20),
    "invalid_exact_evm_payload_authorization_value_mismatch": other_value,
    "invalid_exact_evm_insufficient_balance": signed_with(value=FIRST_UNITS + 10_000),
    "network_mismatch": other_network,
    "missing_eip712_domain": no_domain,
}
MORE = {"another contract": for_another_contract, "garbage": garbage, "another length": too_short}


@VERSIONS
@pytest.mark.parametrize("code", CASES)
def test_the_same_answer_as_the_package(
    standin: SimulatedUsdc, package: Network, account: LocalAccount, version: int, code: str
) -> None:
    asked = CASES[code](version, account)
    ours = outcome(standin.url, "/verify", asked)
    assert ours == (not code, code, account.address.lower())
    assert ours == outcome(package.url, "/verify", asked)
    assert standin.chain.balance(account.address) == FIRST_UNITS, "nothing moves when it is only asked"


@VERSIONS
@pytest.mark.parametrize("name", MORE)
def test_signatures_that_are_not_the_payers(
    standin: SimulatedUsdc, package: Network, account: LocalAccount, version: int, name: str
) -> None:
    asked, before = MORE[name](version, account), standin.chain.balance(SIMULATED_PAY_TO)
    assert outcome(standin.url, "/verify", asked) == outcome(package.url, "/verify", asked)
    assert not outcome(standin.url, "/settle", asked)[0]
    assert standin.chain.balance(SIMULATED_PAY_TO) == before


@VERSIONS
def test_settled_once(standin: SimulatedUsdc, package: Network, account: LocalAccount, version: int) -> None:
    asked, before = good(version, account), standin.chain.balance(SIMULATED_PAY_TO)
    for url in (standin.url, package.url):
        assert outcome(url, "/settle", asked) == (True, "", account.address.lower())
        assert outcome(url, "/verify", asked)[:2] == (False, "invalid_exact_evm_nonce_already_used")
        assert outcome(url, "/settle", asked)[0] is False
    assert standin.chain.balance(account.address) == package.chain.balance(account.address) == FIRST_UNITS - FIVE
    assert standin.chain.balance(SIMULATED_PAY_TO) == before + FIVE


def test_a_settlement_names_its_transaction(standin: SimulatedUsdc, account: LocalAccount) -> None:
    told = post(standin.url, "/settle", good(2, account)).json()
    moved = standin.chain.transaction(told["transaction"])
    assert moved is not None
    assert (moved.payer, moved.units, told["network"]) == (account.address.lower(), FIVE, "eip155:84532")
    again = post(standin.url, "/settle", good(2, account)).json()
    assert again["transaction"] != told["transaction"]


def test_what_is_supported(standin: SimulatedUsdc, package: Network) -> None:
    def kinds(url: str) -> set[tuple[int, str, str]]:
        told = httpx.get(url + "/supported", trust_env=False).json()["kinds"]
        return {(each["x402Version"], each["scheme"], each["network"]) for each in told}

    assert kinds(standin.url) == kinds(package.url) == {(1, "exact", "base-sepolia"), (2, "exact", "eip155:84532")}


def test_a_high_s_is_refused_as_by_the_contract(standin: SimulatedUsdc, account: LocalAccount) -> None:
    message = authorization(account)
    signed = signature(account, message)
    high = ORDER - int.from_bytes(signed[32:64], "big")
    twisted = signed[:32] + high.to_bytes(32, "big") + bytes([55 - signed[64]])
    assert outcome(standin.url, "/verify", exchange(2, message, signed))[0]
    assert outcome(standin.url, "/verify", exchange(2, message, twisted))[1] == "invalid_exact_evm_payload_signature"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"x402Version": 3},
        {"x402Version": True},
        {"x402Version": 2, "paymentPayload": {}, "paymentRequirements": {}},
    ],
)
def test_what_is_no_question(standin: SimulatedUsdc, asked: dict[str, Any]) -> None:
    for path in ("/verify", "/settle"):
        assert post(standin.url, path, asked).status_code == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [("value", "-5"), ("value", "5_0"), ("value", "9" * 80), ("nonce", "0x12"), ("from", "11" * 20), ("to", None)],
)
def test_fields_that_are_none(standin: SimulatedUsdc, account: LocalAccount, field: str, value: Any) -> None:
    asked = good(2, account)
    asked["paymentPayload"]["payload"]["authorization"][field] = value
    assert post(standin.url, "/settle", asked).status_code == 400


def test_other_paths_methods_and_names(standin: SimulatedUsdc) -> None:
    assert httpx.get(standin.url + "/nowhere", trust_env=False).status_code == 404
    assert httpx.post(standin.url + "/nowhere", trust_env=False).status_code == 404
    assert httpx.post(standin.url + "/verify", content=b"{", trust_env=False).status_code == 400
    assert httpx.post(standin.url + "/verify", content=b"[]", trust_env=False).status_code == 400
    assert httpx.post(standin.url + "/verify", content=b"x" * 200_000, trust_env=False).status_code == 413
    for answer in (
        httpx.get(standin.url + "/supported", headers={"Host": "evil.example"}, trust_env=False),
        httpx.post(standin.url + "/rpc", headers={"Host": "evil.example"}, json={}, trust_env=False),
    ):
        assert answer.status_code == 403


@VERSIONS
def test_it_is_paid_at_its_own_address_only(standin: SimulatedUsdc, account: LocalAccount, version: int) -> None:
    elsewhere = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"
    message = authorization(account, to=elsewhere)
    asked = exchange(version, message, signature(account, message))
    asked["paymentRequirements"]["payTo"] = elsewhere
    for path in ("/verify", "/settle"):
        good, why, _ = outcome(standin.url, path, asked)
        assert (good, why) == (False, "recipient_not_served")
