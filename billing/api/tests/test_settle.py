from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.api.tests.conftest import Answer, Api, key_of, usage_event
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.models import Transfer
from billing.ledger.selectors import balance
from billing.ledger.verify import verify
from billing.metering.models import UsageEvent

USAGE, HOLDS = "/api/v1/usage", "/api/v1/usage/holds"
MINI = "openai/gpt-4o-mini"
USED = {"input_tokens": 900, "output_tokens": 100}  # 0.039 credits
NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(db: None) -> Iterator[None]:
    with clock.at(NOW):
        yield


def place(api: Api, **body: Any) -> str:
    asked = {"model": MINI, "usage": {"input_tokens": 900, "output_tokens": 300}}
    answer = api.post(f"{USAGE}/authorize", asked | body)
    assert answer.status == 201, answer.content
    hold: str = answer.json["hold"]
    return hold


def settle(api: Api, public_id: str, /, **body: Any) -> Answer:
    return api.post(f"{HOLDS}/{public_id}/settle", {"usage": USED} | body)


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def test_a_hold_pays_for_what_was_used_and_the_rest_is_free_again(api: Api, funded: Workspace) -> None:
    hold = place(api)
    answer = settle(api, hold)

    assert answer.status == 201
    assert (answer.json["hold"], answer.json["hold_status"], answer.json["event_id"]) == (hold, "settled", hold)
    assert (answer.json["credits"], answer.json["balance"], answer.json["held"]) == (
        Decimal("0.039"),
        Decimal("12403.961"),
        0,
    )
    assert answer.headers["X-Usage-Total-Tokens"] == "1000"
    kinds = Transfer.objects.filter(workspace=funded).order_by("seq").values_list("kind", flat=True)
    assert list(kinds)[-3:] == ["hold.place", "hold.settle", "hold.release"]
    shown = api.get(f"{HOLDS}/{hold}").json
    assert (shown["status"], shown["event_id"], shown["charged"]) == ("settled", hold, Decimal("0.039"))
    assert api.get(f"{USAGE}/events/{hold}").json["lots"][0]["credits"] == Decimal("0.039")
    assert verify().ok


def test_what_the_hold_does_not_cover_comes_from_the_balance(api: Api, funded: Workspace) -> None:
    hold = place(api, max_credits="0.01")
    answer = settle(api, hold)
    assert (answer.json["hold_status"], answer.json["credits"]) == ("settled", Decimal("0.039"))
    assert (answer.json["balance"], answer.json["debt"]) == (Decimal("12403.961"), 0)
    rest = place(api, max_credits=str(Decimal("12403.961")))
    owed = settle(api, rest, model="", usage={"messages": 12404})
    assert (owed.status, owed.json["balance"], owed.json["debt"]) == (201, 0, Decimal("0.039"))
    assert verify().ok


def test_what_the_body_leaves_out_is_taken_from_the_hold(api: Api, funded: Workspace) -> None:
    hold = place(api, task="chat", agent="bot", app="web", project="prod", variant={"tier": "batch"})
    assert settle(api, hold, app="ios", event_id="e1", end_user="u").json["credits"] == Decimal("0.0195")
    event = UsageEvent.objects.get()
    assert (event.event_id, event.provider, event.model) == ("e1", "openai", "gpt-4o-mini")
    assert (event.task, event.agent, event.app, event.end_user) == ("chat", "bot", "ios", "u")
    assert event.project is not None
    assert (event.project.slug, event.variant) == ("prod", {"tier": "batch"})
    other = place(api, variant={"tier": "batch"})
    assert settle(api, other, model="openai/gpt-4o").json["credits"] == Decimal("0.65")
    assert UsageEvent.objects.get(event_id=other).variant == {}
    assert settle(api, place(api, task="chat"), task="").status == 201
    assert UsageEvent.objects.order_by("pk").last().task == ""  # type: ignore[union-attr]


def test_after_its_time_the_balance_is_charged(api: Api, funded: Workspace) -> None:
    hold = place(api, expires_in=60)
    with clock.at(NOW + timedelta(minutes=2)):
        answer = settle(api, hold)
        assert (answer.status, answer.json["hold_status"]) == (201, "expired")
        assert (answer.json["balance"], answer.json["held"]) == (Decimal("12403.961"), 0)
        shown = api.get(f"{HOLDS}/{hold}").json
        assert (shown["status"], shown["charged"]) == ("expired", Decimal("0.039"))
        assert refusal(settle(api, hold, event_id="again")) == (409, "hold_resolved")
    assert balance(funded.pk).available == 12_403_961_000_000
    assert verify().ok


def test_settling_again_is_answered_as_the_first_time(api: Api, funded: Workspace) -> None:
    for event_id in ({}, {"event_id": "e1"}):
        hold = place(api)
        first = settle(api, hold, **event_id)
        api.post(USAGE, usage_event(f"between {hold}"))
        again = settle(api, hold, **event_id)
        assert (again.status, again.json) == (201, first.json)
        assert (again.headers["Idempotent-Replay"], "Idempotent-Replay" in first.headers) == ("true", False)
        assert refusal(settle(api, hold, usage={"input_tokens": 1}, **event_id)) == (409, "idempotency_conflict")
        other = settle(api, hold, event_id="other")
        assert refusal(other) == (409, "hold_resolved")
        assert other.json["hold_status"] == "settled"
    assert UsageEvent.objects.count() == 4


def test_a_released_hold_cannot_be_settled(api: Api, funded: Workspace) -> None:
    hold = place(api)
    api.post(f"{HOLDS}/{hold}/release", b"")
    for answer in (settle(api, hold), api.post(USAGE, usage_event(hold=hold))):
        assert refusal(answer) == (409, "hold_resolved")
        assert answer.json["hold_status"] == "released"
    assert balance(funded.pk).available == 12_404 * NANO
    assert not UsageEvent.objects.exists()


def test_a_settled_hold_cannot_be_released_or_extended(api: Api) -> None:
    hold = place(api)
    settle(api, hold)
    for path, body in (("release", {}), ("extend", {"expires_in": 60})):
        answer = api.post(f"{HOLDS}/{hold}/{path}", body)
        assert refusal(answer) == (409, "hold_resolved")
        assert answer.json["hold_status"] == "settled"


def test_usage_that_names_its_hold_settles_it(api: Api, funded: Workspace) -> None:
    hold = place(api)
    answer = api.post(USAGE, usage_event(hold=hold))
    assert (answer.status, answer.json["hold_status"], answer.json["held"]) == (201, "settled", 0)
    assert "hold_status" not in api.post(USAGE, usage_event("without")).json
    again = api.post(USAGE, usage_event(hold=hold))
    assert (again.json, again.headers["Idempotent-Replay"]) == (answer.json, "true")
    assert refusal(api.post(USAGE, usage_event("other", hold=hold))) == (409, "hold_resolved")
    assert refusal(api.post(USAGE, usage_event())) == (409, "idempotency_conflict")
    assert verify().ok


@pytest.mark.parametrize("name", ["hold_999999", "hold_0", "nonsense", ""])
def test_usage_cannot_name_a_hold_that_is_not_there(api: Api, name: str) -> None:
    assert refusal(api.post(USAGE, usage_event(hold=name))) == (404, "not_found")
    assert not UsageEvent.objects.exists()


def test_usage_cannot_name_a_hold_of_others(api: Api, customer: Api, funded: Workspace) -> None:
    hold = place(api)
    assert refusal(customer.post(USAGE, usage_event(hold=hold))) == (404, "not_found")
    other = Workspace.objects.create(name="Other")
    stranger = Api(key_of(None), **{"Purser-Workspace": other.public_id})
    assert refusal(stranger.post(USAGE, usage_event(hold=hold))) == (404, "not_found")
    assert balance(funded.pk).held == 63_000_000
    assert not UsageEvent.objects.exists()


def test_holds_are_settled_by_a_batch_too(api: Api, funded: Workspace) -> None:
    hold, released = place(api), place(api)
    api.post(f"{HOLDS}/{released}/release", b"")
    events = [
        usage_event("a"),
        usage_event("b", hold=hold),
        usage_event("c", hold="hold_999999"),
        usage_event("d", hold=released),
        usage_event("e", hold=hold),
    ]
    answer = api.post(f"{USAGE}/batch", {"events": events})
    assert (answer.status, answer.json["accepted"]) == (200, 2)
    rejected = {issue["event_id"]: issue["code"] for issue in answer.json["rejected"]}
    assert rejected == {"c": "not_found", "d": "hold_resolved", "e": "hold_resolved"}
    assert balance(funded.pk).held == 0
    assert verify().ok


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"usage": {}}, 400, "/usage"),
        ({"usage": {"input_tokens": -1}}, 400, "/usage/input_tokens"),
        ({"hold": "hold_1"}, 400, "/hold"),
        ({"hold": 7}, 400, "/hold"),
        ({"price": 1}, 400, "/price"),
        ({"event_id": "x" * 201}, 400, "/event_id"),
    ],
)
def test_a_malformed_settlement_leaves_the_hold_as_it_is(
    api: Api, body: dict[str, Any], status: int, pointer: str
) -> None:
    hold = place(api)
    answer = settle(api, hold, **body)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (status, pointer)
    assert api.post(f"{HOLDS}/{hold}/settle", []).status == 400
    assert api.get(f"{HOLDS}/{hold}").json["status"] == "open"


def test_usage_without_a_price_settles_the_hold_for_nothing(api: Api, funded: Workspace) -> None:
    hold = place(api)
    answer = settle(api, hold, model="nobody/nothing")
    assert (answer.status, answer.json["unrated"], answer.json["hold_status"]) == (201, "unknown_model", "settled")
    assert balance(funded.pk).available == 12_404 * NANO
