import re
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from django.test import Client
from pytest_django import Settings

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.services import credits_grant
from billing.metering.archive.services import archive_month
from billing.metering.events import EventInput, Source
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.tests.pricing import price_appears
from billing.metering.unrated.charging import Way, charge_waiting
from billing.overview.receipt import event_receipt
from billing.plans.services import workspace_open
from billing.pricing.agreed import Scope, Step
from billing.pricing.agreements import DiscountWanted, override_add, plan_terms_set, schedule_add

SERVICE = Source("service")
LINE = 300_000_000  # nano-credits of 10,000 input tokens of gpt-4o-mini


def event(event_id: str, model: str = "openai/gpt-4o-mini", **usage: int) -> EventInput:
    quantities = {meter: Decimal(quantity) for meter, quantity in (usage or {"input_tokens": 10_000}).items()}
    return EventInput(event_id, model, quantities)


def two_lots(alice: User) -> Workspace:
    """0.5 credits that expire first, then plenty."""
    workspace = workspace_open(name="Two lots", owner=alice)
    soon = clock.now() + timedelta(days=1)
    credits_grant(workspace_id=workspace.pk, key="a", amount=NANO // 2, label="First", expires_at=soon)
    credits_grant(workspace_id=workspace.pk, key="b", amount=NANO, label="Second", source="bought")
    return workspace


def paid(event_id: str) -> list[tuple[str, int]]:
    return [(part.label, part.nano) for part in event_receipt(UsageEvent.objects.get(event_id=event_id)).paid_from]


def test_each_request_of_a_batch_names_the_lots_that_paid_for_it(prices: None, alice: User) -> None:
    workspace = two_lots(alice)
    usage_record_batch(workspace_id=workspace.pk, source=SERVICE, events=[event("one"), event("two"), event("three")])
    assert paid("one") == [("First", LINE)]
    assert paid("two") == [("First", NANO // 2 - LINE), ("Second", 2 * LINE - NANO // 2)]
    assert paid("three") == [("Second", LINE)]


def test_what_no_lot_covered_is_shown_as_owed(prices: None, alice: User) -> None:
    workspace = two_lots(alice)
    usage_record(workspace_id=workspace.pk, source=SERVICE, event=event("big", input_tokens=100_000))
    receipt = event_receipt(UsageEvent.objects.get(event_id="big"))
    assert sum(part.nano for part in receipt.paid_from) == NANO + NANO // 2
    assert receipt.debt == 10 * LINE - NANO - NANO // 2


def test_lines_add_up_to_the_charge_and_parts_are_named(prices: None, alice: User, alice_client: Client) -> None:
    workspace = two_lots(alice)
    usage_record(
        workspace_id=workspace.pk,
        source=SERVICE,
        event=event("mixed", input_tokens=1200, cached_input_tokens=200, output_tokens=300, reasoning_tokens=50),
    )
    found = UsageEvent.objects.get(event_id="mixed")
    receipt = event_receipt(found)
    assert sum(priced.line.nano for priced in receipt.lines) == found.amount
    assert [entry.meter for entry in receipt.unpriced] == ["reasoning_tokens"]
    assert receipt.seq is not None
    text = alice_client.get(f"/w/{workspace.public_id}/activity/requests/{found.pk}").content.decode()
    assert "Cached input tokens" in text
    assert receipt.head.hex() in text


def test_an_unknown_model_says_that_nothing_was_charged(prices: None, alice: User, alice_client: Client) -> None:
    workspace = two_lots(alice)
    usage_record(workspace_id=workspace.pk, source=SERVICE, event=event("odd", model="nobody/knows-me"))
    found = UsageEvent.objects.get(event_id="odd")
    text = alice_client.get(f"/w/{workspace.public_id}/activity/requests/{found.pk}").content.decode()
    assert "no price for this model yet" in text
    assert "Nothing was taken" in text


def test_a_request_that_waited_for_its_price_says_so(prices: None, alice: User, alice_client: Client) -> None:
    workspace = two_lots(alice)
    usage_record(workspace_id=workspace.pk, source=SERVICE, event=event("odd", model="acme/brain"))
    usage = f"/w/{workspace.public_id}/usage"
    assert "1 request has no price yet and was not charged" in alice_client.get(usage).content.decode()
    price_appears()
    found = UsageEvent.objects.get(event_id="odd")
    assert charge_waiting(workspace_id=workspace.pk, pks=[found.pk]) == 1
    text = alice_client.get(f"/w/{workspace.public_id}/activity/requests/{found.pk}").content.decode()
    assert "It had no price when it was reported." in text
    assert "there was one, and it was charged." in text
    assert "no price for this model yet" not in text
    assert "has no price yet" not in alice_client.get(usage).content.decode()


def test_a_request_that_nothing_is_charged_for_says_so(prices: None, alice: User, alice_client: Client) -> None:
    workspace = two_lots(alice)
    usage_record(workspace_id=workspace.pk, source=SERVICE, event=event("odd", model="acme/brian"))
    found = UsageEvent.objects.get(event_id="odd")
    assert charge_waiting(workspace_id=workspace.pk, pks=[found.pk], way=Way.NOTHING) == 1
    text = alice_client.get(f"/w/{workspace.public_id}/activity/requests/{found.pk}").content.decode()
    assert "the operator decided to charge nothing for it." in text
    assert "it was charged." not in text
    assert "has no price yet" not in alice_client.get(f"/w/{workspace.public_id}/usage").content.decode()


def test_an_archived_request_names_the_file_with_its_prices(
    prices: None, alice: User, alice_client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.ARCHIVE_DIR = str(tmp_path)
    workspace = two_lots(alice)
    usage_record(workspace_id=workspace.pk, source=SERVICE, event=event("old"))
    found = UsageEvent.objects.get(event_id="old")
    (archive,) = archive_month(workspace, found.booked_at.date().replace(day=1))
    text = alice_client.get(f"/w/{workspace.public_id}/activity/requests/{found.pk}").content.decode()
    assert archive.file in text
    assert "Prices are archived" in text
    assert "First" in text  # what paid for it still stands here
    assert paid("old") == [("First", LINE)]


def test_a_receipt_of_another_workspace_does_not_exist(
    prices: None, alice: User, alice_client: Client, northwind: Workspace
) -> None:
    workspace = two_lots(alice)
    usage_record(workspace_id=workspace.pk, source=SERVICE, event=event("mine"))
    found = UsageEvent.objects.get(event_id="mine")
    assert alice_client.get(f"/w/{northwind.public_id}/activity/requests/{found.pk}").status_code == 404
    for made_up in ("activity/requests/99999999999999999999999", "activity/999999", "activity/99999999999999999999999"):
        assert alice_client.get(f"/w/{workspace.public_id}/{made_up}").status_code == 404
    for hour in ("2026-13-01T00", "x", "0001-01-01T00", "9999-12-31T23"):
        assert alice_client.get(f"/w/{workspace.public_id}/activity/hours/{hour}").status_code in (200, 404)


def test_the_sum_of_each_line_can_be_reckoned_by_hand(prices: None, alice: User, alice_client: Client) -> None:
    workspace = workspace_open(name="Reckoner", owner=alice, plan_key="pro")
    credits_grant(workspace_id=workspace.pk, key="a", amount=1_000 * NANO, label="First")
    events = [
        event("tokens", input_tokens=1_237, output_tokens=311, cached_input_tokens=200),
        EventInput("speech", "elevenlabs/eleven_flash_v2_5", {"input_characters": Decimal(500_640)}),
        EventInput("image", "google/gemini-2.5-flash-image", {"images": Decimal(3)}),
    ]
    for each in events:
        usage_record(workspace_id=workspace.pk, source=SERVICE, event=each)
    for found in UsageEvent.objects.filter(workspace=workspace):
        receipt = event_receipt(found)
        assert receipt.lines
        for priced in receipt.lines:
            exact = reckoned(priced.sum) * NANO
            assert abs(exact - priced.line.nano) < 1, priced.sum
        text = alice_client.get(f"/w/{workspace.public_id}/activity/requests/{found.pk}").content.decode()
        assert all(priced.sum in text for priced in receipt.lines)


def reckoned(text: str) -> Fraction:
    """What a person with pen and paper gets."""
    plain = text.replace(",", "").replace("$", "").replace(" included", "").replace("−", "-")
    parts = re.split(r" ([×÷]) ", plain)
    value = sum((Fraction(part) for part in parts[0].strip("()").replace(" - ", " -").split()), Fraction(0))
    for sign, factor in zip(parts[1::2], parts[2::2], strict=True):
        value = value * Fraction(factor) if sign == "×" else value / Fraction(factor)
    return value


def test_a_receipt_says_what_was_agreed_on(prices: None, alice: User, alice_client: Client) -> None:
    workspace = two_lots(alice)
    with clock.at(clock.now() - timedelta(minutes=2)):
        plan_terms_set(workspace_id=workspace.pk, label="Team v2", discounts=[DiscountWanted(Scope(), Decimal(10))])
        override_add(workspace=workspace, scope=Scope(meter="output_tokens"), price=Decimal(1), per=10**6, by="test")
        steps = [Step(Decimal(1000), off=Decimal(20)), Step(Decimal(2000), price=Decimal("0.1"), per=10**6)]
        schedule_add(scope=Scope(meter="input_tokens"), mode="graduated", steps=steps, workspace=workspace, by="test")
    usage_record(
        workspace_id=workspace.pk,
        source=SERVICE,
        event=event("agreed", input_tokens=2500, output_tokens=300),
    )
    found = UsageEvent.objects.get(event_id="agreed")
    assert [(priced.sum, priced.words) for priced in event_receipt(found).lines] == [
        ("1,000 × $0.15 ÷ 1,000,000 × 0.9 ÷ $0.005", ("10% off with Team v2", "below the first tier")),
        ("1,000 × $0.15 ÷ 1,000,000 × 0.9 × 0.8 ÷ $0.005", ("10% off with Team v2", "20% off from 1,000 a month")),
        ("500 × $0.10 ÷ 1,000,000 ÷ $0.005", ("price from 2,000 a month",)),
        ("300 × $1.00 ÷ 1,000,000 ÷ $0.005", ("agreed price",)),
    ]
    text = alice_client.get(f"/w/{workspace.public_id}/activity/requests/{found.pk}").content.decode()
    assert "10% off with Team v2, 20% off from 1,000 a month" in text
