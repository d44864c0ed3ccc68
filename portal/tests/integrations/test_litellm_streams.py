"""docs/integrations/litellm/purser_litellm.py when streams break off or are left: what they delivered is charged."""

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from portal.tests.integrations.conftest import INTEGRATIONS, Customer, Make
from portal.tests.integrations.stub import Stub

RUN = Path(__file__).with_name("litellm_streams.py")
SMALL, BIG = "openai/gpt-4o-mini", "openai/gpt-4o"
USD = {SMALL: (Decimal("0.15"), Decimal("0.075"), Decimal("0.6")), BIG: (Decimal("2.5"), Decimal("1.25"), Decimal(10))}
# (model, tokens of the request, cached ones, tokens of the answer): the stub's usage when a stream ended, and the three
# tokens of “Good day.” with those of the request when it did not.
Call = tuple[str, int, int, int]
WHOLE: Call = (SMALL, 1200, 512, 300)
WHOLE_BIG: Call = (BIG, 1200, 512, 300)
BROKE = "MidStreamFallbackError"
CASES: dict[str, tuple[str, list[Call], list[str]]] = {  # what the caller got, what was charged, how the holds ended
    "broken": (BROKE, [(SMALL, 4, 0, 3)], ["settled"]),
    "broken_early": (BROKE, [], ["released"]),
    "fallback": ("Good day.Good day.", [(SMALL, 4, 0, 3), WHOLE_BIG], ["settled", "settled"]),
    "proxy_fallback": ("Good day.Good day.", [(SMALL, 4, 0, 3), WHOLE_BIG], ["settled", "settled"]),
    "proxy_both_broken": ("APIConnectionError", [(SMALL, 2, 0, 3), (BIG, 2, 0, 3)], ["settled", "settled"]),
    "proxy_fallback_fails": ("APIConnectionError", [(SMALL, 8, 0, 3)], ["released", "settled"]),
    "proxy_told_first": ("APIConnectionError", [(SMALL, 8, 0, 3)], ["released", "settled"]),
    "responses": ("response.output_text.delta response.completed", [WHOLE], ["settled"]),
    "responses_left": ("Good day.", [(SMALL, 3, 0, 3)], ["settled"]),
    "responses_broken": (BROKE, [(SMALL, 4, 0, 3)], ["settled"]),
    "given_back": ("Good day.", [WHOLE], ["released"]),
    "left": ("Good day.", [(SMALL, 10, 0, 3)], ["settled"]),
    "left_unread": ("", [], ["released"]),
    "left_after_its_end": ("Good day.", [WHOLE], ["settled"]),
    "left_after_it_broke": (BROKE, [(SMALL, 4, 0, 3)], ["settled"]),
}


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    yield stub
    stub.shutdown()


def priced(call: Call) -> Decimal:
    model, request, cached, answer = call
    usd = USD[model]
    return ((request - cached) * usd[0] + cached * usd[1] + answer * usd[2]) / 5_000


def charged(event: dict[str, Any]) -> Call:
    usage = event["usage"]
    cached = usage.get("cached_input_tokens", 0)
    return event["model"], usage["input_tokens"], cached, usage["output_tokens"]


def test_what_was_delivered_is_charged_once_and_no_hold_stays(stub: Stub, customer: Make, service_key: str) -> None:
    customers: dict[str, Customer] = {case: customer(1_000) for case in CASES}
    paths = f"{INTEGRATIONS / 'python'}:{INTEGRATIONS / 'litellm'}"
    workspaces = json.dumps({case: each.workspace for case, each in customers.items()})
    done = subprocess.run(
        [sys.executable, RUN, stub.url, workspaces],
        env=customers["broken"].environment | {"PYTHONPATH": paths, "PURSER_KEY": service_key},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    found = {}
    for case, each in customers.items():
        events = each.purser.call("GET", "/usage/events")[0]["data"]
        holds = each.purser.call("GET", "/usage/holds?status=all")[0]["data"]
        summary = each.purser.summary()
        calls = sorted(charged(event) for event in events)
        found[case] = (told[case], calls, sorted(hold["status"] for hold in holds))
        assert (summary.balance, summary.held) == (1_000 - sum(map(priced, calls)), 0), case
    assert found == {case: (what, sorted(calls), ends) for case, (what, calls, ends) in CASES.items()}
