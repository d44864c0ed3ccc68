"""`make run`, as a person meets it: one start, everything works, nothing is left behind."""

import http.cookiejar
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import stripe

from billing.insights.whatif.tests.test_speed import crowded
from portal.embedded.places import places
from portal.embedded.server import Server
from portal.home import BASE_DIR
from portal.standin.client import StandInClient
from portal.standin.places import port_of
from portal.standin.world import API_VERSION
from portal.testing.homes import temporary_home
from portal.testing.processes import RunningPortal, alive, free_port, one_line, run_environment, run_to_end

QUICK = 20  # seconds, where a thread that works has a core of its own


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with temporary_home() as directory:
        yield directory


@pytest.fixture(scope="module")
def portal(home: Path) -> Iterator[RunningPortal]:
    running = RunningPortal(home)
    yield running
    running.stop()


def question(home: Path, sql: str) -> int:
    with psycopg.connect(Server(places(home)).conninfo()) as connection:
        row = connection.execute(sql).fetchone()  # type: ignore[call-overload]
    return int(row[0])


def until(condition: "object", *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_ends_its_start_with_the_address_the_login_and_an_example(portal: RunningPortal) -> None:
    assert f"Purser is ready: {portal.url}" in portal.output
    assert portal.demo["email"] in portal.output
    assert portal.demo["password"] in portal.output
    assert f"curl {portal.url}/api/v1/usage" in portal.output
    assert "Traceback" not in portal.output


def test_the_demo_login_works(portal: RunningPortal) -> None:
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    form = browser.open(f"{portal.url}/accounts/login/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token
    fields = {"csrfmiddlewaretoken": token[1], "login": portal.demo["email"], "password": portal.demo["password"]}
    answer = browser.open(f"{portal.url}/accounts/login/", urllib.parse.urlencode(fields).encode())
    assert answer.status == 200
    assert re.fullmatch(rf"{portal.url}/w/[^/]+/", answer.url), answer.url


def test_pages_come_with_hashed_compressed_styles(portal: RunningPortal) -> None:
    page = portal.fetch("/accounts/login/").text
    styles = re.findall(r'<link[^>]*href="(/static/[^"]+\.css)"', page)
    assert styles
    answer = portal.fetch(styles[0], Accept_Encoding="identity")
    assert answer.status == 200
    assert "immutable" in answer.headers["cache-control"]
    assert re.search(r"\.[0-9a-f]{12}\.css$", styles[0])


def test_the_example_event_is_charged_once(portal: RunningPortal) -> None:
    event = {"event_id": "start-1", "model": "openai/gpt-4o", "usage": {"input_tokens": 20000, "output_tokens": 5000}}
    key = f"Bearer {portal.demo['api_key']}"
    first = portal.fetch("/api/v1/usage", body=event, Authorization=key)
    again = portal.fetch("/api/v1/usage", body=event, Authorization=key)
    assert first.status == 201, first.text
    assert first.json()["credits"] == 20
    assert again.json() == first.json()


def test_is_ready_when_it_says_so(portal: RunningPortal) -> None:
    assert portal.fetch("/healthz").json() == {"status": "ok"}
    assert portal.fetch("/readyz").json() == {
        "status": "ok",
        "database": "ok",
        "migrations": "ok",
        "broker": "ok",
    }


def test_worker_and_beat_do_the_due_work(portal: RunningPortal) -> None:
    finished = "SELECT count(*) FROM foundation_duejob WHERE last_finished_at IS NOT NULL AND failures = 0"
    until(lambda: question(portal.home, finished) > 0)


def test_secrets_are_their_owners_only(portal: RunningPortal) -> None:
    private = [portal.home / "secrets", portal.home / "demo.json", *(portal.home / "secrets").iterdir()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in private)


def test_a_second_start_with_the_same_home_is_refused(portal: RunningPortal) -> None:
    refused = run_to_end(run_environment(portal.home, free_port()))
    assert refused.returncode == 1
    assert "already runs" in one_line(refused.stderr)


def test_a_taken_port_is_one_line(portal: RunningPortal) -> None:
    with temporary_home() as other:
        refused = run_to_end(run_environment(other, portal.port))
    assert refused.returncode == 1
    assert f"port {portal.port}" in one_line(refused.stderr)
    assert "taken" in refused.stderr


def test_payments_are_simulated_and_their_webhooks_arrive(portal: RunningPortal) -> None:
    assert "payments    simulated" in portal.output
    token = (portal.home / "secrets" / "standin-token").read_text().strip()
    standin = StandInClient(f"http://127.0.0.1:{port_of(portal.home)}", token)
    key = {"api_key": "sk_test_" + "x" * 24, "stripe_version": API_VERSION}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stripe, "api_base", standin.url)
        intent = stripe.PaymentIntent.create(
            amount=700, currency="usd", payment_method="pm_card_visa", confirm=True, **key
        )
    until(lambda: standin.get("_control/deliveries")["idle"])
    synced = "SELECT count(*) FROM djstripe_paymentintent WHERE stripe_data->>'status' = 'succeeded' AND id = '{}'"
    assert question(portal.home, synced.format(intent.id)) == 1
    assert portal.fetch("/simulated-stripe/checkout/cs_test_none/").status == 404


def test_usdc_is_paid_at_a_stand_in(portal: RunningPortal) -> None:
    command = [sys.executable, "-m", "portal.standin_usdc.pay", "--url", portal.url]
    assert " ".join(command[1:]) in portal.output
    paid = subprocess.run(
        [*command, "--key", portal.demo["api_key"], "5"], cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    assert paid.returncode == 0, paid.stdout + paid.stderr
    page = portal.fetch(paid.stdout.splitlines()[-1].removeprefix(portal.url))
    assert "5.00 test USDC moved" in page.text
    credited = "SELECT count(*) FROM packs_cryptopayment WHERE state = 'credited'"
    assert question(portal.home, credited) == 1


@pytest.mark.parametrize("name", ["web", "worker", "beat", "voices", "payments", "usdc"])
def test_a_part_that_dies_is_started_again(portal: RunningPortal, name: str) -> None:
    portal.part(name).kill()
    portal.wait_for(f"{name} ended", seconds=20)
    until(lambda: any(portal.part(name).is_running() for _ in [0] if _has(portal, name)))
    until(lambda: portal.fetch("/readyz").status == 200 if name != "web" else _ready(portal))


def _has(portal: RunningPortal, name: str) -> bool:
    try:
        return bool(portal.part(name))
    except (StopIteration, psutil.Error):
        return False


def _ready(portal: RunningPortal) -> bool:
    try:
        return portal.fetch("/readyz").status == 200
    except OSError:
        return False


def test_sigterm_leaves_no_process_and_the_next_start_is_quick_and_has_everything(portal: RunningPortal) -> None:
    events = question(portal.home, "SELECT count(*) FROM metering_usageevent")
    family = portal.family()
    assert len(family) > 6
    assert portal.stop() == 0
    assert alive(family) == []

    shared = crowded()
    again = RunningPortal(portal.home, port=portal.port)
    try:
        assert again.seconds < QUICK * max(shared, crowded())
        assert question(portal.home, "SELECT count(*) FROM metering_usageevent") == events
        assert again.demo == portal.demo
        family = again.family()
        assert again.stop(signal.SIGINT) == 0
        assert alive(family) == []
    finally:
        again.stop()


def test_a_killed_supervisor_takes_its_parts_along_and_the_next_start_recovers(portal: RunningPortal) -> None:
    portal.stop()
    killed = RunningPortal(portal.home, port=portal.port)
    parts = [killed.part(name) for name in ("web", "worker", "beat", "payments")]
    everyone = killed.family()
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    assert alive(parts, within=20) == []

    again = RunningPortal(portal.home, port=portal.port)
    everyone += again.family()
    assert again.fetch("/readyz").status == 200
    assert again.stop() == 0
    assert alive(everyone) == []
