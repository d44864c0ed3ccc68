"""The examples of docs/api.md and of the reference's page are run as they stand, and answer as they say."""

import json
import re
import subprocess
from urllib.request import urlopen

import pytest

from billing.api import reference
from portal.home import BASE_DIR
from portal.tests.integrations.conftest import Customer, Make

API = BASE_DIR / "docs" / "api.md"
BLOCK = re.compile(r"^```sh\n(curl .*?)^```$", re.M | re.S)
LOCAL = "http://localhost:8000"
MODEL = "openai/gpt-4o-mini"


def shell(command: str, customer: Customer, **variables: str) -> tuple[int, dict[str, str], str]:
    """Status, headers with names in lower case, and body."""
    command = command.rstrip().replace(LOCAL, customer.url) + " -s -i"
    done = subprocess.run(
        ["bash", "-ec", command], env=customer.environment | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    status, *lines = head.splitlines()
    return int(status.split()[1]), {line.partition(":")[0].lower(): line for line in lines}, body


@pytest.fixture
def orbit(customer: Make) -> Customer:
    return customer(12_404)


def test_the_commands_of_the_api_page(orbit: Customer, service_key: str) -> None:
    variables = {"PURSER_KEY": service_key, "SERVICE_KEY": service_key, "WORKSPACE": orbit.workspace}
    commands = [with_own_ids(command, orbit) for command in BLOCK.findall(API.read_text())]
    answers = [shell(command, orbit, **variables) for command in commands]
    assert [status for status, _, _ in answers] == [201, 201, 201, 200, 201, 201, 201, 201]
    recorded, event, held, *_, made = (body for _, _, body in answers)
    told = '"credits": 0.072, "credits_nano": "72000000", "cost_usd": 0.00036'
    assert f"answers 201 with `{told}`" in API.read_text()
    assert all(told.replace(": ", ":").replace(", ", ",") in body for body in (recorded, event))
    names = "hold credits expires_at balance held basis note lines"
    assert set(names.split()) <= json.loads(held).keys()
    assert json.loads(made)["api_key"]["key"].startswith("pws_")


def with_own_ids(command: str, orbit: Customer) -> str:
    """With a hold and a workspace that are there, and a customer that is not yet."""
    if "hold_4711" in command:
        command = command.replace("hold_4711", orbit.purser.authorize(MODEL, max_credits=1).hold)
    if "/workspaces/crm-17" in command:
        command = command.replace("crm-17", orbit.workspace).replace("mira@northwind.example", "orbit@example.com")
    command = command.replace('"subject": "crm-17"', f'"subject": "{orbit.workspace}"').replace(
        '"subject":"crm-17"', f'"subject":"{orbit.workspace}"'
    )
    return command.replace("crm-17", f"crm-{orbit.workspace}")


def test_every_example_of_the_reference_succeeds(orbit: Customer, invoice: str, service_key: str) -> None:
    with urlopen(f"{orbit.url}/api/v1/openapi.json") as response:
        shown = reference.build(json.load(response))
    ran, wrong = set(), []
    for section in shown.sections:
        for operation in section.operations:
            key = service_key if section.name == "Workspaces" else orbit.key
            command = with_own_ids(operation.example, orbit).replace("INV-2027-000123", invoice)
            status, headers, body = shell(command, orbit, PURSER_KEY=key)
            ran.add(operation.anchor)
            # A payment is no line of curl: the example ends with what to pay.
            wanted = range(402, 403) if operation.anchor == "credits-topup" else range(200, 300)
            if status not in wanted or "x-ratelimit-limit" not in headers:
                wrong.append(f"{status}: {command}\n{body}")
    assert wrong == []
    assert {"usage-record", "usage-hold-settle", "workspaces-grant", "credits-proof"} <= ran
