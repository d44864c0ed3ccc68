"""The scheduler is an hour late. Nobody can spend, and no page, answer or reader shows, what was over at noon."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.jobs import expire_lots
from billing.ledger.models import HoldResolution, Lot, Transfer, Wallet
from billing.ledger.selectors import balance, expiring, holds, lots
from billing.ledger.services import credits_adjust, credits_grant
from billing.ledger.verify import verify
from billing.overview.balance import balance_card
from billing.plans.services import workspace_open
from billing.pricing.testing import import_demo_prices

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
COST = 72_000_000  # of usage_event()
FEED = re.compile(r'<ul class="feed[^"]*">.*?</ul>', re.DOTALL)  # what happened, with the balance at that time
PILL = re.compile(r'id="balance-pill".*?<span class="num">(.*?)</span>', re.DOTALL)


@pytest.fixture
def workspace(db: None, alice: User) -> Workspace:
    """Alice's, on a plan without credits."""
    import_demo_prices()
    with clock.at(NOON - timedelta(hours=2)):
        workspace = workspace_open(name="Northwind AI", owner=alice)
    assert balance(workspace.pk, NOON).available == 0
    return workspace


@pytest.fixture
def api(workspace: Workspace) -> Api:
    return Api(key_of(None), **{"Purser-Workspace": workspace.public_id})


@pytest.fixture
def a_second_later() -> Iterator[datetime]:
    """12:00:01."""
    with clock.at(NOON + SECOND):
        yield NOON + SECOND


def grant(workspace: Workspace, credits: int, **terms: Any) -> int:
    with clock.at(NOON - 60 * MINUTE):
        key = f"{credits}"
        told = credits_grant(workspace_id=workspace.pk, key=key, amount=credits * NANO, label="Spring gift", **terms)
    assert told.lot_id is not None
    return told.lot_id


@pytest.fixture
def over(workspace: Workspace) -> int:
    """A lot that ended at noon with 6,666 of its 7,777 credits; nothing was posted since."""
    lot = grant(workspace, 7_777, expires_at=NOON)
    with clock.at(NOON - 30 * MINUTE):
        credits_adjust(workspace_id=workspace.pk, key="less", amount=-1_111 * NANO, reason="Fewer", actor="sam")
    return lot


def hold_until_noon(workspace: Workspace, api: Api, credits: int) -> str:
    with clock.at(NOON - 10 * MINUTE):
        body = {"model": "openai/gpt-4o-mini", "max_credits": credits, "expires_in": 600}
        placed = api.post("/api/v1/usage/authorize", body)
    assert placed.status == 201
    hold: str = placed.json["hold"]
    return hold


def nothing_is_posted(lot: int) -> bool:
    return Lot.objects.get(pk=lot).remaining == 6_666 * NANO and not Transfer.objects.filter(kind="lot.expire").exists()


def pages(workspace: Workspace, *more: str) -> list[str]:
    paths = [
        "",
        "live",
        "live?on=overview",
        "live?on=credits",
        "usage",
        "activity",
        "models",
        "credits",
        "credits/holds",
        "credits/proof",
    ]
    return [f"/w/{workspace.public_id}/{path}" for path in (*paths, *more)]


def shown(client: Client, url: str) -> tuple[str, list[str]]:
    """A page without what is history on it, and what its balance pill says."""
    response = client.get(url)
    assert response.status_code == 200, url
    text = response.content.decode()
    return FEED.sub("", text), PILL.findall(text)


def test_until_noon_it_is_there(workspace: Workspace, over: int, api: Api, alice_client: Client) -> None:
    """What the tests below do not find can be found."""
    with clock.at(NOON - timedelta(microseconds=1)):
        for url in pages(workspace, f"credits/lots/{over}"):
            text, pill = shown(alice_client, url)
            assert pill in ([], ["6,666"])
            if url.endswith(("/", "on=overview", "credits", f"lots/{over}")):
                assert "6,666" in text
        assert api.get("/api/v1/credits/summary").json["balance"] == 6_666
        assert api.post("/api/v1/usage", usage_event()).json["balance_nano"] == str(6_666 * NANO - COST)


def test_no_reader_finds_an_expired_lot(workspace: Workspace, over: int, a_second_later: datetime) -> None:
    found = balance(workspace.pk)
    assert (found.available, found.held, found.debt, found.state) == (0, 0, 0, "stopped")
    assert [(row.id, row.remaining, row.status) for row in lots(workspace.pk)] == [(over, 0, "expired")]
    assert expiring(workspace.pk, timedelta(days=30)) == []
    card = balance_card(workspace)
    assert (card.lots, card.in_all, card.expiring, card.mix) == ((), 0, None, ())
    assert nothing_is_posted(over)


def test_no_page_shows_an_expired_lot(
    workspace: Workspace, over: int, alice_client: Client, a_second_later: datetime
) -> None:
    pills = 0
    for url in pages(workspace, f"credits/lots/{over}"):
        text, pill = shown(alice_client, url)
        assert "6,666" not in text, url
        assert pill in ([], ["0"]), url
        pills += len(pill)
    assert pills >= 9
    assert nothing_is_posted(over)


def test_no_answer_shows_an_expired_lot(workspace: Workspace, over: int, api: Api, a_second_later: datetime) -> None:
    summary = api.get("/api/v1/credits/summary").json
    assert (summary["balance"], summary["held"], summary["debt"], summary["state"]) == (0, 0, 0, "stopped")
    assert summary["expiring"] == []
    (lot,) = api.get("/api/v1/credits/lots").json["data"]
    assert (lot["amount"], lot["remaining"], lot["held"], lot["status"]) == (7_777, 0, 0, "expired")
    assert nothing_is_posted(over)


def test_nothing_can_be_authorised_from_an_expired_lot(
    workspace: Workspace, over: int, api: Api, a_second_later: datetime
) -> None:
    request = {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 1_200, "output_tokens": 300}}
    for path in ("estimate", "authorize"):
        refused = api.post(f"/api/v1/usage/{path}", request)
        assert (refused.status, refused.json["code"]) == (402, "insufficient_credits")
    assert holds(workspace.pk) == []


def test_a_request_cannot_spend_an_expired_lot(
    workspace: Workspace, over: int, api: Api, a_second_later: datetime
) -> None:
    told = api.post("/api/v1/usage", usage_event()).json
    assert (told["balance"], told["state"], told["credits_nano"]) == (0, "stopped", str(COST))
    assert balance(workspace.pk).debt == COST
    expired = Transfer.objects.get(kind="lot.expire")
    assert (expired.amount, expired.occurred_at, expired.created_at) == (6_666 * NANO, NOON, a_second_later)
    expire_lots(now=NOON + 60 * MINUTE, limit=10)
    assert Transfer.objects.filter(kind="lot.expire").count() == 1
    assert verify(workspace_id=workspace.pk).problems == []


def test_a_hold_whose_time_is_over_holds_nothing_anywhere(workspace: Workspace, api: Api, alice_client: Client) -> None:
    grant(workspace, 5_000)
    hold = hold_until_noon(workspace, api, 2_222)
    with clock.at(NOON - SECOND):
        assert api.get("/api/v1/credits/summary").json["held"] == 2_222
        assert "2,222" in shown(alice_client, pages(workspace)[0])[0]
    with clock.at(NOON + SECOND):
        summary = api.get("/api/v1/credits/summary").json
        assert (summary["balance"], summary["held"]) == (5_000, 0)
        (lot,) = api.get("/api/v1/credits/lots").json["data"]
        assert (lot["remaining"], lot["held"]) == (5_000, 0)
        assert api.get("/api/v1/usage/holds").json["data"] == []
        one = api.get(f"/api/v1/usage/holds/{hold}").json
        assert (one["status"], one["resolved_at"]) == ("expired", "2026-03-10T12:00:00Z")
        for url in pages(workspace):
            if not url.endswith("holds"):  # that list has all holds, this one as expired
                text, pill = shown(alice_client, url)
                assert "2,222" not in text, url
                assert pill in ([], ["5,000"]), url
        assert "Expired" in shown(alice_client, pages(workspace, f"credits/holds/{hold}")[-1])[0]
        assert holds(workspace.pk) == []
        assert not HoldResolution.objects.exists()
        assert Wallet.objects.get(pk=workspace.pk).held == 2_222 * NANO  # nobody has posted it


def test_a_hold_whose_time_is_over_can_only_be_settled_from_the_balance(workspace: Workspace, api: Api) -> None:
    grant(workspace, 5_000)
    hold = hold_until_noon(workspace, api, 2_222)
    with clock.at(NOON + SECOND):
        for path, body in (("release", {}), ("extend", {"expires_in": 60})):
            refused = api.post(f"/api/v1/usage/holds/{hold}/{path}", body)
            assert (refused.status, refused.json["code"]) == (409, "hold_resolved")
        settled = api.post(
            f"/api/v1/usage/holds/{hold}/settle", {"usage": {"input_tokens": 1_200, "output_tokens": 300}}
        )
        assert (settled.status, settled.json["hold_status"]) == (201, "expired")
        assert settled.json["balance_nano"] == str(5_000 * NANO - COST)
    assert [row.kind for row in HoldResolution.objects.all()] == ["expire"]
    assert verify(workspace_id=workspace.pk).problems == []


def test_what_a_late_hold_pinned_of_a_late_lot_is_gone_with_it(
    workspace: Workspace, over: int, api: Api, alice_client: Client
) -> None:
    hold_until_noon(workspace, api, 2_222)
    with clock.at(NOON + SECOND):
        found = balance(workspace.pk)
        assert (found.available, found.held, found.state) == (0, 0, "stopped")
        assert [(row.remaining, row.held, row.status) for row in lots(workspace.pk)] == [(0, 0, "expired")]
        for url in pages(workspace):
            assert shown(alice_client, url)[1] in ([], ["0"])
        assert nothing_is_posted(over)
        assert api.post("/api/v1/usage", usage_event()).json["balance"] == 0
        assert balance(workspace.pk).debt == COST
    assert verify(workspace_id=workspace.pk).problems == []


def test_what_starts_at_noon_can_be_spent_a_second_later(workspace: Workspace, api: Api, alice_client: Client) -> None:
    grant(workspace, 3_333, effective_at=NOON)
    with clock.at(NOON - SECOND):
        assert api.get("/api/v1/credits/summary").json["balance"] == 0
    with clock.at(NOON + SECOND):
        assert api.get("/api/v1/credits/summary").json["balance"] == 3_333
        assert shown(alice_client, pages(workspace)[0])[1] == ["3,333"]
        assert api.post("/api/v1/usage", usage_event()).json["balance_nano"] == str(3_333 * NANO - COST)
    assert verify(workspace_id=workspace.pk).problems == []
