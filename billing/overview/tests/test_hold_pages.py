"""What is on hold is seen, with what it is for, and each hold tells how it ended."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.hold_services import hold_extend, hold_release
from billing.ledger.models import Hold, Transfer
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust, credits_grant, overdraft_set
from billing.metering.events import EventInput, Source
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record
from billing.overview.holdpage import hold_page
from billing.overview.holds import hold_title, open_holds
from billing.overview.tests.holding import place, settle
from billing.plans.services import workspace_open
from billing.usage.authorize import authorize

SERVICE = Source(origin="service")


@pytest.fixture
def funded(prices: None, alice: User) -> Workspace:
    """10 credits that expire first, 90 that never do."""
    workspace = workspace_open(name="Funded", owner=alice, plan_key="pro")
    soon = clock.now() + timedelta(days=1)
    credits_grant(workspace_id=workspace.pk, key="a", amount=10 * NANO, label="First", expires_at=soon)
    credits_grant(workspace_id=workspace.pk, key="b", amount=90 * NANO, label="Second", source="bought")
    return workspace


def text(client: Client, workspace: Workspace, path: str = "", status: int = 200) -> str:
    response = client.get(f"/w/{workspace.public_id}/{path}")
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def test_the_balance_tells_available_and_held_and_what_they_make(funded: Workspace, alice_client: Client) -> None:
    place(funded, 30 * NANO)
    overview = text(alice_client, funded)
    assert ">30 on hold</a> = 100 in all" in overview
    assert 'class="held"' in overview
    credits = text(alice_client, funded, "credits")
    assert "70 available + 30 on hold = 100 in these lots" in credits


def test_the_credits_page_lists_what_is_on_hold(funded: Workspace, alice_client: Client) -> None:
    assert "Nothing is on hold" in text(alice_client, funded, "credits")
    pks = [place(funded, NANO, minutes=minutes) for minutes in (50, 10, 20, 30, 40, 60, 70)]
    page = text(alice_client, funded, "credits")
    places = [page.index(f"open-hold_{pk}") for pk in (pks[1], pks[2], pks[3], pks[4], pks[0])]
    assert places == sorted(places)  # what expires first is in front
    assert f"open-hold_{pks[6]}" not in page
    assert "and 2 more" in page
    assert "gpt-4o-mini, chat" in page
    assert "by the platform" not in page
    assert "the platform" in page  # who placed it
    found = open_holds(funded)
    assert (found.count, found.covered, found.overdraft) == (7, 7 * NANO, 0)


def test_a_hold_that_is_over_is_not_shown_although_nothing_posted_that(funded: Workspace, alice_client: Client) -> None:
    pk = place(funded, 30 * NANO, minutes=5)
    with clock.at(clock.now() + timedelta(minutes=6)):
        assert "Nothing is on hold" in text(alice_client, funded, "credits")
        page = text(alice_client, funded, f"credits/holds/hold_{pk}")
        assert "Expired" in page
        assert "Free again" in page
    assert not Transfer.objects.filter(kind="hold.expire").exists()


def test_a_settled_hold_tells_what_was_used_and_what_is_free_again(funded: Workspace, alice_client: Client) -> None:
    pk = place(funded, 30 * NANO)
    settle(funded, pk, 13 * NANO)
    found = hold_page(funded, pk)
    assert found is not None
    assert found.charge is not None
    assert (found.charge.amount, found.charge.from_hold, found.charge.from_balance) == (13 * NANO, 13 * NANO, 0)
    assert found.free_again == 17 * NANO
    used = {pin.lot.label: (pin.lot.amount, pin.used) for pin in found.pins}
    assert used["First"] == (10 * NANO, 10 * NANO)
    assert sum(used for _, used in used.values()) == 13 * NANO
    page = text(alice_client, funded, f"credits/holds/hold_{pk}")
    for transfer in Transfer.objects.filter(kind__in=["hold.place", "hold.settle", "hold.release"]):
        assert f"entry {transfer.seq}" in page
        assert f"credits/holds/hold_{pk}" in text(alice_client, funded, f"activity/{transfer.seq}")  # and back


def test_a_charge_above_the_hold_names_the_rest(funded: Workspace, alice_client: Client) -> None:
    pk = place(funded, 30 * NANO)
    available = open_available(funded)
    settle(funded, pk, 30 * NANO + available + NANO)
    found = hold_page(funded, pk)
    assert found is not None
    assert found.charge is not None
    assert (found.charge.from_hold, found.charge.from_balance, found.charge.debt) == (30 * NANO, available, NANO)
    assert "Beyond the balance" in text(alice_client, funded, f"credits/holds/hold_{pk}")


def open_available(workspace: Workspace) -> int:
    return balance(workspace.pk).available


def test_released_by_staff_says_who_and_why(funded: Workspace, alice_client: Client) -> None:
    pk = place(funded, 30 * NANO)
    hold_extend(workspace_id=funded.pk, hold_id=pk, origin=None, expires_in=timedelta(hours=2))
    hold_release(workspace_id=funded.pk, hold_id=pk, origin=None, actor="root@example.com", reason="Stuck worker")
    page = text(alice_client, funded, f"credits/holds/hold_{pk}")
    for said in ("Released", "root@example.com", "Stuck worker", "Extended"):
        assert said in page


def test_a_part_within_the_overdraft_is_told(funded: Workspace, alice_client: Client) -> None:
    available = open_available(funded)
    credits_adjust(workspace_id=funded.pk, key="less", amount=5 * NANO - available, reason="test", actor="test")
    overdraft_set(workspace_id=funded.pk, limit=20 * NANO)
    pk = place(funded, 12 * NANO)
    assert "7 credits are on hold within the plan’s overdraft" in strip(text(alice_client, funded, "credits"))
    page = text(alice_client, funded, f"credits/holds/hold_{pk}")
    assert "Overdraft of the plan" in page
    assert "7 of it overdraft" in page
    assert "7 of overdraft on hold" in text(alice_client, funded)


def strip(page: str) -> str:
    return page.replace('<span class="num">', "").replace("</span>", "")


def test_a_hold_of_nothing_explains_itself(funded: Workspace, alice_client: Client) -> None:
    pk = place(funded, 0)
    assert "No credits were set aside" in text(alice_client, funded, f"credits/holds/hold_{pk}")


def test_an_authorisation_tells_what_was_expected_and_by_whose_key(funded: Workspace, alice_client: Client) -> None:
    told = authorize(
        workspace=funded,
        source=SERVICE,
        raw={"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 100_000}, "task": "chat", "agent": "support-bot"},
    )
    page = text(alice_client, funded, f"credits/holds/hold_{told.hold_id}")
    for said in ("Estimate", "support-bot", "100,000 expected", "from the quantities that were named"):
        assert said in page


def request(workspace: Workspace, event_id: str, tokens: int, hold: int, **changes: Any) -> UsageEvent:
    quantities = {"input_tokens": Decimal(tokens)}
    event = EventInput(event_id, "openai/gpt-4o-mini", quantities, hold=hold, **changes)
    usage_record(workspace_id=workspace.pk, source=SERVICE, event=event)
    return UsageEvent.objects.get(event_id=event_id)


def test_the_hold_and_the_request_that_settled_it_lead_to_each_other(funded: Workspace, alice_client: Client) -> None:
    told = authorize(
        workspace=funded, source=SERVICE, raw={"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 100_000}}
    )
    event = request(funded, "settling", 90_000, told.hold_id)
    page = text(alice_client, funded, f"credits/holds/hold_{told.hold_id}")
    assert f"activity/requests/{event.pk}" in page
    assert "cost 10% less" in page
    receipt = text(alice_client, funded, f"activity/requests/{event.pk}")
    assert f"credits/holds/hold_{told.hold_id}" in receipt
    assert "set aside for it before" in receipt
    settled = Transfer.objects.get(kind="hold.settle")
    entry = text(alice_client, funded, f"activity/{settled.seq}")
    assert f"activity/requests/{event.pk}" in entry
    assert f"activity/{settled.seq}" in receipt


def test_a_request_after_the_hold_had_expired_is_told_with_it(funded: Workspace, alice_client: Client) -> None:
    pk = place(funded, 30 * NANO, minutes=5)
    with clock.at(clock.now() + timedelta(minutes=6)):
        event = request(funded, "late", 100_000, pk)
        page = text(alice_client, funded, f"credits/holds/hold_{pk}")
        assert "It was reported after the hold had expired." in page
        assert f"activity/requests/{event.pk}" in page
        found = hold_page(funded, pk)
        assert found is not None
        assert found.charge is not None
        assert (found.charge.from_hold, found.charge.from_balance) == (0, 3 * NANO)
        assert found.free_again == 30 * NANO
        assert "had expired, so the balance paid" in text(alice_client, funded, f"activity/requests/{event.pk}")


def test_what_the_plan_includes_is_reserved_and_told(funded: Workspace, alice_client: Client) -> None:
    told = authorize(
        workspace=funded,
        source=SERVICE,
        raw={"model": "elevenlabs/eleven_flash_v2_5", "usage": {"input_characters": 640}},
    )
    page = text(alice_client, funded, f"credits/holds/hold_{told.hold_id}")
    assert "Included in the plan" in page
    assert "640<small>input characters" in page
    assert "640 reserved for requests in progress" in text(alice_client, funded, "credits")


def test_how_good_the_estimates_were_is_shown(funded: Workspace, alice_client: Client) -> None:
    assert "How well holds fitted" not in text(alice_client, funded, "credits/holds")
    for n, tokens in enumerate((50_000, 100_000, 110_000)):
        told = authorize(
            workspace=funded, source=SERVICE, raw={"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 100_000}}
        )
        request(funded, f"e{n}", tokens, told.hold_id)
    page = text(alice_client, funded, "credits/holds")
    assert "How well holds fitted" in page
    assert "67%" in page  # two of three cost no more than was held
    assert "100%" in page  # the middle one cost just as much
    assert "gpt-4o-mini" in page


def test_holds_are_listed_by_how_they_ended_page_by_page(funded: Workspace, alice_client: Client) -> None:
    settled, released, still_open = (place(funded, NANO) for _ in range(3))
    settle(funded, settled, NANO // 2)
    hold_release(workspace_id=funded.pk, hold_id=released, origin=None)
    for show, pk in (("settled", settled), ("released", released), ("open", still_open)):
        page = text(alice_client, funded, f"credits/holds?show={show}")
        assert [other for other in (settled, released, still_open) if f"hold_{other}" in page] == [pk]
    assert "Nothing is in this state" in text(alice_client, funded, "credits/holds?show=expired")
    for _ in range(50):
        place(funded, NANO)
    first = text(alice_client, funded, "credits/holds")
    assert "Older" in first
    oldest = Hold.objects.order_by("pk")[3].pk
    second = text(alice_client, funded, f"credits/holds?cursor=hold_{oldest}")
    assert f"hold_{settled}" in second
    assert f"holds/hold_{oldest}" not in second
    assert "Back to the latest" in second


@pytest.mark.parametrize(
    "path", ["credits/holds/hold_999999", "credits/holds/7", "credits/holds/hold_x", "credits/holds?cursor=7"]
)
def test_made_up_addresses_are_not_found(funded: Workspace, alice_client: Client, path: str) -> None:
    text(alice_client, funded, path, status=404)


def test_a_hold_of_another_workspace_does_not_exist(
    funded: Workspace, northwind: Workspace, alice_client: Client
) -> None:
    pk = place(funded, NANO)
    text(alice_client, northwind, f"credits/holds/hold_{pk}", status=404)


def test_titles_leave_the_provider_out() -> None:
    assert hold_title("openai/gpt-4o-mini, chat") == "gpt-4o-mini, chat"
    assert hold_title("input_characters, a/b") == "input_characters, a/b"
    assert hold_title("") == "A request"
