"""What is refused at start-up."""

from typing import Any

import pytest
from django.conf import settings

from billing.packs.x402.checks import check_crypto
from billing.packs.x402.rails import SIMULATED_PAY_TO

GOOD: dict[str, Any] = {
    "X402_PAY_TO": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
    "X402_NETWORKS": {"base": "https://node.example/v2"},
    "X402_FACILITATOR_URL": "https://facilitator.example",
    "X402_SIMULATED": False,
    "X402_LEAST_USD": 1,
    "X402_MOST_USD": 1_000,
}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"X402_NETWORKS": {"base": "http://127.0.0.1:8545"}, "X402_FACILITATOR_URL": "http://localhost:1"}, []),
        ({"X402_PAY_TO": ""}, []),
        ({"X402_PAY_TO": "0x209693"}, ["purser.E021"]),
        ({"X402_PAY_TO": "0x209693Bc6afc0C5328bA36FaF03C514EF312287c"}, ["purser.E026"]),  # the case of a letter
        ({"X402_PAY_TO": "0x209693Bc6afc0C5328bA36FaF03C514EF312288C"}, ["purser.E026"]),  # another digit
        ({"X402_PAY_TO": "0x209693bc6afc0c5328ba36faf03c514ef312287c"}, []),  # no checksum
        ({"X402_PAY_TO": "0x209693BC6AFC0C5328BA36FAF03C514EF312287C"}, []),
        ({"X402_PAY_TO": SIMULATED_PAY_TO}, ["purser.E027"]),
        ({"X402_PAY_TO": SIMULATED_PAY_TO, "X402_SIMULATED": True}, []),
        ({"X402_NETWORKS": {}}, ["purser.E022"]),
        ({"X402_NETWORKS": {"bass": "https://node.example"}}, ["purser.E022"]),
        ({"X402_NETWORKS": {"base": "http://node.example"}}, ["purser.E023"]),
        ({"X402_NETWORKS": {"base": ""}}, ["purser.E023"]),
        ({"X402_FACILITATOR_URL": ""}, ["purser.E023"]),
        ({"X402_LEAST_USD": 2_000}, ["purser.E024"]),
        ({"X402_NETWORKS": {"base-sepolia": "https://node.example"}}, []),
        ({"X402_NETWORKS": {"base-sepolia": "https://node.example"}, "STRIPE_LIVE_MODE": True}, ["purser.E025"]),
        ({"X402_NETWORKS": dict.fromkeys(("base", "base-sepolia"), "https://node.example")}, ["purser.E025"]),
    ],
)
def test_settings(monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], found: list[str]) -> None:
    with monkeypatch.context() as patch:
        for name, value in (GOOD | change).items():
            patch.setattr(settings, name, value)
        assert [error.id for error in check_crypto()] == found


def test_the_right_spelling_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    right = GOOD["X402_PAY_TO"]
    with monkeypatch.context() as patch:
        for name, value in (GOOD | {"X402_PAY_TO": right[:-1] + right[-1].swapcase()}).items():
            patch.setattr(settings, name, value)
        (error,) = check_crypto()
    assert right in str(error.hint)
