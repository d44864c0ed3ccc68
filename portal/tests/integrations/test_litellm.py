"""docs/integrations/litellm/purser_litellm.py in LiteLLM, against the running portal and a stub of a model."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from portal.tests.integrations.conftest import INTEGRATIONS, ONE_AT_A_TIME, Arrange, Customer, Make
from portal.tests.integrations.stub import Stub

RUN = Path(__file__).with_name("litellm_run.py")
# What the stub says an answer used, at the published USD per million tokens and $0.005 a credit.
MINI = (688 * Decimal("0.15") + 512 * Decimal("0.075") + 300 * Decimal("0.6")) / 5_000
BIG = (688 * Decimal("2.5") + 512 * Decimal("1.25") + 300 * Decimal(10)) / 5_000
EMBEDDED = 8_000 * Decimal("0.02") / 5_000
CHARGED = {
    "chat": MINI,
    "stream": MINI,
    "responses": MINI,
    "router": MINI,
    "team of the proxy": MINI,
    "no-log": MINI,
    "not held": MINI,
    "other model": BIG,
    "embedding": EMBEDDED,
}


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    stub = Stub()
    yield stub
    stub.shutdown()


SUSPEND = """
from accounts.services.suspension import workspace_suspend
workspace_suspend(workspace=workspace, reason="asked for", by="staff")
"""


def run(stub: Stub, customer: Customer, others: dict[str, Customer], key: str) -> dict[str, Any]:
    paths = f"{INTEGRATIONS / 'python'}:{INTEGRATIONS / 'litellm'}"
    own = {"PYTHONPATH": paths, "PURSER_KEY": key} | {name: each.workspace for name, each in others.items()}
    done = subprocess.run(
        [sys.executable, RUN, stub.url],
        env=customer.environment | own,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_the_balance_falls_by_the_priced_calls_and_a_failed_call_leaves_no_hold(
    stub: Stub, customer: Make, service_key: str, arrange: Arrange
) -> None:
    own, busy, suspended = customer(1_000), customer(10), customer(10)
    arrange(busy, ONE_AT_A_TIME)
    arrange(suspended, SUSPEND)
    running = busy.purser.authorize("openai/gpt-4o-mini", max_credits=1)
    others = {"POOR_WORKSPACE": customer(0), "BUSY_WORKSPACE": busy, "SUSPENDED_WORKSPACE": suspended}
    result = run(stub, own, others, service_key)
    told = result["told"]
    assert {name for name, what in told.items() if what == "answered"} == CHARGED.keys()
    assert told["failed"].startswith("InternalServerError 500")
    assert told["failed stream"].startswith("InternalServerError 500")
    assert told["failed by router"].startswith("InternalServerError 500")
    assert told["last try"].startswith("TimeoutError")
    assert told["no credits"].startswith("Refused 402")
    assert told["unknown model"].startswith("Refused 422")
    assert told["image"].startswith("Refused 400")
    assert told["stranger"].startswith("Refused 403")
    assert told["suspended"].startswith("Refused 403")
    assert told["too many at once"].startswith("Refused 409")
    assert told["too many by router"].startswith("Refused 409")  # again and again: its deployment is not left alone
    assert told["of no team"].startswith("Refused 400")
    # Nothing that was refused reached the model: the router tried two of its three calls twice.
    assert stub.calls == len(CHARGED) + 1 + 2 + 2
    assert result["ended"]
    assert result["searches"] == {
        "gemini/gemini-2.5-flash": 1,
        "vertex_ai/gemini-2.5-flash": 1,
        "gemini/gemini-3-pro-preview": 5,
        "perplexity/sonar": 5,
        "gemini/of-tomorrow": 1,
    }

    events = events_of(own, len(CHARGED))
    assert sorted(Decimal(event["credits"]) for event in events) == sorted(CHARGED.values())
    assert [event["end_user"] for event in events if event["end_user"]] == ["u_123"]
    summary = own.purser.summary()
    assert summary.balance == 1_000 - sum(CHARGED.values())
    assert (summary.held, summary.debt) == (0, 0)
    holds = own.purser.call("GET", "/usage/holds?status=all")[0]["data"]
    assert {hold["status"] for hold in holds} == {"settled", "released"}
    assert sum(hold["status"] == "settled" for hold in holds) == len(CHARGED) - 1  # `completion` asked for none
    assert sum(hold["status"] == "released" for hold in holds) == 1 + 2 + 2 + 1
    assert [hold["hold"] for hold in busy.purser.call("GET", "/usage/holds?status=all")[0]["data"]] == [running.hold]


def events_of(customer: Customer, count: int) -> list[dict[str, Any]]:
    """The recorded events, once there are `count`: LiteLLM tells of a call after it has given the answer."""
    until = time.monotonic() + 20
    while True:
        events: list[dict[str, Any]] = customer.purser.call("GET", "/usage/events")[0]["data"]
        if len(events) >= count or time.monotonic() > until:
            return events
        time.sleep(0.1)
