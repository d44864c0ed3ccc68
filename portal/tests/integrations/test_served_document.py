"""The API is what its served document says: schemathesis sends what the document allows, and what it does not."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from portal.home import BASE_DIR
from portal.tests.integrations.conftest import Customer, Make, Purser

CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance"),
    *("response_schema_conformance", "negative_data_rejection", "missing_required_header", "ignored_auth"),
    *("bad_events_are_rejected", "every_line_is_as_described"),
)
MODEL = "openai/gpt-4o-mini"
USAGE = {"input_tokens": 1200, "output_tokens": 300}
RESOURCES = ["web-1", "disk-2"]
# Only service keys may use these: a workspace key gets 403 for each.
FOR_OPERATORS = {
    *("workspaces_create", "workspaces_list", "workspaces_get", "workspaces_grant", "workspaces_portal_session"),
}
NEEDS_A_WALLET = {"credits_topup"}  # it is asked, and says what to pay: nobody here can sign that

ALL = "examples,coverage,fuzzing,stateful"
Seen = dict[str, set[int]]  # statuses by operation


@pytest.fixture
def orbit(customer: Make) -> Customer:
    """A customer with recorded usage, so that ids in paths can be real ones."""
    orbit = customer(1_000_000)
    for number in range(3):
        orbit.purser.usage(MODEL, USAGE, event_id=f"event-{number}", task="chat", agent="support-bot")
    return orbit


def holds(purser: Purser) -> list[str]:
    """More than a run can end."""
    return [purser.authorize(MODEL, max_credits=1, expires_in=86_400).hold for _ in range(60)]


@dataclass(frozen=True)
class Size:
    """How many random requests and series of requests, and of the limits of fields every how many-th of each kind."""

    examples: int
    share: int = 1


FULL = Size(60)


def sizes(small: Size) -> pytest.MarkDecorator:
    full = pytest.param(FULL, id="full", marks=pytest.mark.slow)
    return pytest.mark.parametrize("size", [pytest.param(small, id="small"), full])


def run(
    place: Path,
    url: str,
    headers: Mapping[str, str],
    ids: Mapping[str, list[str]],
    size: Size,
    phases: str = ALL,
) -> Seen:
    """Let schemathesis loose on the portal: known examples, limits of every field, random requests, and series of
    requests that use one another's answers. Fails with its report when any answer is not as the document says.
    """
    seen, config = place / "seen", place / "schemathesis.toml"
    seen.touch()
    config.write_text(toml(headers, ids))
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "schemathesis.cli",
                "--config-file",
                str(config),
                "run",
                f"{url}/api/v1/openapi.json",
            ),
            *("--checks", ",".join(CHECKS), "--seed", "1", "--max-examples", str(size.examples), "--phases", phases),
            *("--continue-on-failure", "--warnings", "off", "--no-color"),
        ],
        cwd=place,  # where it keeps what it found
        env={"SEEN": str(seen), "SHARE": str(size.share), "PYTHONPATH": str(BASE_DIR)},
        capture_output=True,
        text=True,
        timeout=1_500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    statuses: Seen = defaultdict(set)
    for name, status in map(str.split, seen.read_text().splitlines()):
        statuses[name].add(int(status))
    return statuses


def toml(headers: Mapping[str, str], ids: Mapping[str, list[str]]) -> str:
    """Real ids stand for some of the random ones: JSON strings and lists are TOML, too."""
    lines = ['hooks = "portal.tests.integrations.served_hooks"', "[generation]", "database = 'none'", "[headers]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in headers.items()]
    for name, values in ids.items():
        lines += [f'[dictionaries."{name}"]', f"values = {json.dumps(values)}"]
    lines += ["[parameters]", *(f'"{name}" = {{ dictionary = "{name}", probability = 0.7 }}' for name in ids)]
    return "\n".join(lines) + "\n"


def operations(url: str) -> set[str]:
    """All that the document names but itself: schemathesis reads it and leaves it out."""
    with urlopen(f"{url}/api/v1/openapi.json") as response:
        paths: dict[str, dict[str, Any]] = json.load(response)["paths"]
    return {operation["operationId"] for methods in paths.values() for operation in methods.values()} - {"openapi"}


def succeeded(seen: Seen) -> set[str]:
    return {name for name, statuses in seen.items() if any(status < 300 for status in statuses)}


@sizes(Size(3, share=4))
def test_as_the_operators_backend(tmp_path: Path, orbit: Customer, invoice: str, service_key: str, size: Size) -> None:
    operator = Purser(orbit.url, service_key, workspace=orbit.workspace)
    ids = {"path.hold_id": holds(operator), "path.event_id": ["event-1"], "body.model": [MODEL]}
    ids |= {"path.invoice": [invoice], "path.external_id": RESOURCES, "path.model": ["gpt-4o-mini"]}
    ids |= {"path.workspace": [orbit.workspace], "body.owner_email": ["orbit@example.com"]}
    headers = {"Authorization": f"Bearer {service_key}", "Purser-Workspace": orbit.workspace}
    seen = run(tmp_path, orbit.url, headers, ids, size)
    assert operations(orbit.url) - succeeded(seen) == NEEDS_A_WALLET
    assert 402 in seen["credits_topup"]


@sizes(Size(4))
def test_as_a_customer_whose_key_may_record_usage(tmp_path: Path, orbit: Customer, invoice: str, size: Size) -> None:
    ids = {"path.invoice": [invoice], "path.external_id": RESOURCES, "path.model": ["gpt-4o-mini"]}
    ids |= {"path.hold_id": holds(orbit.purser), "path.event_id": ["event-1"], "body.model": [MODEL]}
    headers = {"Authorization": f"Bearer {orbit.key}", "Purser-Workspace": orbit.workspace}
    # The limits of every field are the same as for the operator's backend, which asks for them at every size.
    seen = run(tmp_path, orbit.url, headers, ids, size, ALL if size == FULL else "examples,fuzzing,stateful")
    assert operations(orbit.url) - succeeded(seen) == FOR_OPERATORS | NEEDS_A_WALLET
    assert 402 in seen["credits_topup"]
    # 401: `ignored_auth` asks without the key, too.
    assert all({403} <= seen[name] <= {401, 403} for name in FOR_OPERATORS)


@sizes(Size(2))
def test_as_somebody_without_a_key(tmp_path: Path, orbit: Customer, size: Size) -> None:
    # What is in a request makes no difference to it: the limits of every field are left to the others.
    seen = run(tmp_path, orbit.url, {}, {"path.event_id": ["event-1"]}, size, "examples,fuzzing")
    assert seen == {name: {401} for name in operations(orbit.url)}
