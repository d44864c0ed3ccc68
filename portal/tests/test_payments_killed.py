"""A storm of webhooks, mixed and repeated, while worker and web are killed: every purchase is credited exactly once."""

import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import stripe

from portal.home import secret_file
from portal.standin.client import StandInClient
from portal.standin.places import TOKEN, port_of
from portal.testing.homes import temporary_home
from portal.testing.processes import RunningPortal, alive

pytestmark = pytest.mark.slow
PURCHASES = 9
GOOD, DECLINED = "4242424242424242", "4000000000000002"
KEY = "sk_test_" + "k" * 24
AUTHORITY = "Bearer {}"


@pytest.fixture
def portal() -> Iterator[RunningPortal]:
    with temporary_home() as home:
        running = RunningPortal(home)
        yield running
        family = running.family()
        running.stop()
        assert alive(family) == []


def standin(home: Path) -> StandInClient:
    return StandInClient(f"http://127.0.0.1:{port_of(home)}", secret_file(home, TOKEN).read_text().strip())


def call(portal: RunningPortal, path: str, *, seconds: float = 60, **more: Any) -> Any:
    """As a patient client does: repeated until there is an answer that is no fault of the portal."""
    until = time.monotonic() + seconds
    while True:
        try:
            answer = portal.fetch(path, Authorization=AUTHORITY.format(portal.demo["api_key"]), **more)
            if answer.status < 500:
                return answer.json()
        except (urllib.error.URLError, OSError, psutil.Error):
            pass
        assert time.monotonic() < until, f"{path} was not answered"
        time.sleep(0.2)


def moved(portal: RunningPortal) -> dict[str, int]:
    """Nano-credits that purchases brought, and that went back with their money, in the ledger, bonus included."""
    rows = call(portal, "/api/v1/credits/ledger?limit=500")["data"]
    kinds = ("grant.pack", "grant.promotion", "refund.pack", "refund.debt", "refund.reverse")
    return {kind: sum(int(row["amount_nano"]) for row in rows if row["kind"] == kind) for kind in kinds}


def brought(sums: dict[str, int]) -> int:
    return sums["grant.pack"] + sums["grant.promotion"]


def back(sums: dict[str, int]) -> int:
    return sums["refund.pack"] + sums["refund.debt"] - sums["refund.reverse"]


def invoiced(portal: RunningPortal) -> tuple[int, int]:
    """Minor units of invoices, and of credit notes."""
    documents = call(portal, "/api/v1/invoices/list?limit=500")["data"]
    packs = [each for each in documents if each["purpose"] == "pack"]
    notes = [each["total"]["amount"] for each in packs if each["kind"] == "credit_note"]
    return sum(each["total"]["amount"] for each in packs) - sum(notes), sum(notes)


def wait_until(condition: Callable[[], bool], portal: RunningPortal) -> None:
    until = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < until, portal.output
        time.sleep(0.5)


def kill(portal: RunningPortal, name: str) -> None:
    try:
        part = portal.part(name)
    except (StopIteration, psutil.Error):
        return  # killed a moment ago, and not there again yet
    for process in [*part.children(recursive=True), part]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def lie_about(payments: StandInClient, session: str) -> None:
    """Somebody else says that it is paid, with a secret of his own."""
    told = {"id": session, "object": "checkout.session", "status": "complete", "payment_status": "paid"}
    event = {"type": "checkout.session.completed", "data": {"object": told}, "api_version": "2026-05-27.dahlia"}
    assert payments.post("_control/deliveries/forge", event=event)["statuses"] != [200]


def nano_of(pack: dict[str, Any], money: int) -> int:
    """What of a pack's credits goes with so much of its price: each lot's share, rounded down."""
    bonus, price = int(pack["bonus_credits_nano"]), pack["price"]["amount"]
    return sum(nano * money // price for nano in (int(pack["credits_nano"]) - bonus, bonus))


def charged(payments: StandInClient) -> list[str]:
    """The charges so far, oldest first."""
    return [each["source"] for each in payments.get("_control/books")["entries"] if each["type"] == "charge"]


def totals(payments: StandInClient) -> tuple[int, int]:
    """Minor units that were charged, and that were refunded, below 0."""
    sums = payments.get("_control/books")["totals"].get("usd", {})
    return sums.get("charge", 0), sums.get("refund", 0)


def test_killed_while_webhooks_come_in(portal: RunningPortal) -> None:
    """Most pay, some are declined; then some is refunded at Stripe, or disputed, lost and won."""
    payments = standin(portal.home)
    packs = call(portal, "/api/v1/credits/packs")["data"]
    before, documents = moved(portal), invoiced(portal)
    earlier, (had_charged, had_refunded) = len(charged(payments)), totals(payments)  # by the demo
    bought = []
    for number in range(PURCHASES):
        payments.post("_control/deliveries", shuffle=True, copies=1 + number % 5, delay=[0, 2])
        pack = packs[number % len(packs)]
        session = call(
            portal,
            "/api/v1/credits/checkout",
            body={"packId": pack["id"]},
            Idempotency_Key=f"storm-{number}",
        )["id"]
        lie_about(payments, session)
        if number in (1, 5):
            kill(portal, "worker")
        if number in (3, 7):
            kill(portal, "web")
        declined = number % 4 == 3
        answer = payments.post(f"_hosted/checkout/{session}/pay", number=DECLINED if declined else GOOD)
        assert ("error" in answer) == declined
        if not declined:
            bought.append(pack)
    asked, credits = sum(pack["price"]["amount"] for pack in bought), sum(int(pack["credits_nano"]) for pack in bought)
    payments.post("_control/deliveries", shuffle=True, copies=3, hurry=True)
    wait_until(lambda: invoiced(portal)[0] - documents[0] == asked, portal)

    charges = charged(payments)[earlier:]
    stripe_now = stripe.StripeClient(KEY, base_addresses={"api": payments.url})
    refunded = lost = taken = 0
    for number, (charge, pack) in enumerate(list(zip(charges, bought, strict=True))[:6]):
        price = pack["price"]["amount"]
        if number % 3 == 0:
            stripe_now.v1.refunds.create({"charge": charge, "amount": price // 3})
            kill(portal, "web")
            refunded, taken = refunded + price // 3, taken + nano_of(pack, price // 3)
            continue
        dispute = payments.post("_control/disputes", charge=charge)["id"]
        kill(portal, "worker")
        outcome = "lost" if number % 3 == 1 else "won"
        payments.post("_control/disputes/decide", dispute=dispute, outcome=outcome)
        if outcome == "lost":
            lost, taken = lost + price, taken + nano_of(pack, price)
    payments.post("_control/deliveries", shuffle=True, copies=3, hurry=True)
    wait_until(lambda: invoiced(portal)[1] - documents[1] == refunded + lost, portal)
    wait_until(lambda: payments.get("_control/deliveries")["idle"], portal)
    wait_until(lambda: back(moved(portal)) == taken, portal)

    assert totals(payments) == (had_charged + asked, had_refunded - refunded)
    assert brought(moved(portal)) - brought(before) == credits
    assert invoiced(portal) == (documents[0] + asked, documents[1] + refunded + lost)
    assert portal.process.poll() is None
