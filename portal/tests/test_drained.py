"""A workspace is drained by usage through the API, twice: a real worker, a mail server, and the stand-in for Stripe.

Each share of the credits is mailed once; the card is charged once, and while that is on its way the page of credits
says so; the second time the most of the month is reached, which is said, and requests are refused.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from billing.foundation.tests.smtp import Behaviour, mail_server
from portal.home import BASE_DIR, secret_file
from portal.standin.client import StandInClient
from portal.standin.places import TOKEN, port_of
from portal.testing.homes import temporary_home
from portal.testing.processes import RunningPortal, alive, run_environment

pytestmark = pytest.mark.slow

# What a person does on pages that have tests of their own: a workspace with 100 credits, alerts, a card, an agreement.
PREPARE = """
import json
from django.conf import settings
from django.test import Client
from accounts.scopes import WORKSPACE_SCOPES
from accounts.services.keys import api_key_create
from accounts.services.people import person_create
from billing.alerts.usage.settings import Wanted, alerts_set
from billing.credits.units import NANO
from billing.gateway import checkout, payments
from billing.ledger.services import credits_grant
from billing.packs.autotopup.settings import auto_top_up_agree
from billing.packs.autotopup.sizing import Terms
from billing.plans.services import workspace_open
from portal.home import home, secret_file
from portal.standin.client import StandInClient
from portal.standin.places import TOKEN, port_of

owner = person_create(email="dana@example.com", name="Dana", verified=True)
drained = workspace_open(name="Drained", owner=owner)
drained.usage_write_allowed = True
drained.save()
alerts_set(workspace=drained, wanted=Wanted(percents=(50, 75, 90), low_credits=1), actor="test")
credits_grant(workspace_id=drained.pk, key="g", amount=100 * NANO, label="Gift")
_, plain = api_key_create(kind="workspace", workspace=drained, name="key", scopes=list(WORKSPACE_SCOPES))
session = checkout.checkout_setup(workspace=drained, currency="usd", back=checkout.Back("http://x/a", "http://x/b"),
    key="card", metadata={})
standin = StandInClient(f"http://127.0.0.1:{port_of(home())}", secret_file(home(), TOKEN).read_text().strip())
standin.post(f"_hosted/checkout/{session.id}/pay", number="4242424242424242")
(card,) = payments.cards(drained)
auto_top_up_agree(workspace=drained, terms=Terms(20 * NANO, 100 * NANO, None, 50, 50), amount_in="money",
    method=card.id, card="Visa card ending in 4242", text="I agree.", by=owner)
browser = Client()
browser.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
print("PREPARED " + json.dumps({"key": plain, "id": drained.public_id,
    "cookie": f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"}))
"""


@pytest.fixture
def smtp() -> Iterator[Behaviour]:
    with mail_server() as behaviour:
        yield behaviour


@pytest.fixture
def portal(smtp: Behaviour) -> Iterator[RunningPortal]:
    with temporary_home() as home:
        running = RunningPortal(home, EMAIL_URL=f"smtp://127.0.0.1:{smtp.port}")
        yield running
        family = running.family()
        running.stop()
        assert alive(family) == []


def wait_until(condition: Callable[[], object], portal: RunningPortal, seconds: float = 150) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, portal.output
        time.sleep(0.2)


def prepared(portal: RunningPortal) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", PREPARE],
        cwd=BASE_DIR,
        env=run_environment(portal.home, portal.port),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("PREPARED ")), None)
    assert line is not None, done.stdout + done.stderr
    found: dict[str, str] = json.loads(line.removeprefix("PREPARED "))
    return found


def test_drained_twice(portal: RunningPortal, smtp: Behaviour) -> None:
    made = prepared(portal)
    standin = StandInClient(
        f"http://127.0.0.1:{port_of(portal.home)}", secret_file(portal.home, TOKEN).read_text().strip()
    )
    authority = f"Bearer {made['key']}"
    taken = standin.get("_control/books")["totals"].get("usd", {}).get("charge", 0)

    def use(credits: int, key: str) -> None:
        body = {"event_id": key, "model": "", "usage": {"messages": credits}}
        answer = portal.fetch("/api/v1/usage", Authorization=authority, body=body)
        assert (answer.status, answer.json()["credits"]) == (201, credits), answer.text

    def subjects(*words: str) -> list[str]:
        found = [str(mail["subject"]) for _, mail in list(smtp.taken) if "dana@" in str(mail["to"])]
        return [subject for subject in found if any(word in subject for word in words)]

    def summary() -> Any:
        return portal.fetch("/api/v1/credits/summary", Authorization=authority).json()

    def credits_page() -> str:
        return portal.fetch(f"/w/{made['id']}/credits", Cookie=made["cookie"]).text

    use(50, "half")
    wait_until(lambda: subjects("50 %"), portal)
    use(25, "three quarters")
    wait_until(lambda: subjects("75 %"), portal)
    # Stripe takes the money and answers late.
    standin.post("_control/faults", on="payment_intents$", method="POST", seconds=12, afterwards=True)
    use(8, "below 20")
    wait_until(lambda: summary()["pending"] == 100, portal)
    assert "Not in the balance yet" in credits_page()
    assert summary()["balance"] == 17
    wait_until(lambda: summary()["balance"] == 117, portal)
    assert summary()["pending"] == 0
    assert "117" in (shown := credits_page())
    assert "Not in the balance yet" not in shown
    use(7, "nine tenths")
    wait_until(lambda: subjects("90 %"), portal)

    use(95, "below 20 again")
    wait_until(lambda: subjects("No more automatic top-ups this month"), portal)
    use(15, "all")
    wait_until(lambda: subjects("requests are refused"), portal)
    body = {"model": "", "usage": {"messages": 1}}
    refused = portal.fetch("/api/v1/usage/authorize", Authorization=authority, body=body)
    assert (refused.status, refused.json()["code"]) == (402, "insufficient_credits")
    page = portal.fetch(f"/w/{made['id']}/alerts/", Cookie=made["cookie"]).text
    assert "The most of the month is reached" in page
    assert standin.get("_control/books")["totals"]["usd"]["charge"] - taken == 50
    assert [len(subjects(word)) for word in ("50 %", "75 %", "90 %", "No more automatic", "requests are refused")] == [
        1
    ] * 5
