from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from accounts.scopes import Scope
from billing.api.tests.conftest import Answer, Api, key_of
from billing.credits import clock
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant

HOLDS = "/api/v1/usage/holds"
BODY: dict[str, Any] = {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 900, "output_tokens": 300}}
NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(db: None) -> Iterator[None]:
    with clock.at(NOW):
        yield


def place(api: Api, **body: Any) -> str:
    answer = api.post("/api/v1/usage/authorize", BODY | body)
    assert answer.status == 201, answer.content
    hold: str = answer.json["hold"]
    return hold


def release(api: Api, hold: str, **headers: str) -> Answer:
    return api.post(f"{HOLDS}/{hold}/release", b"", content_type="", **headers)


def stranger() -> Api:
    """The operator's backend, acting for another workspace."""
    other = Workspace.objects.create(name="Other")
    credits_grant(workspace_id=other.pk, key="opening", amount=10**12, label="Opening credits")
    return Api(key_of(None), **{"Purser-Workspace": other.public_id})


def test_a_hold_can_be_read(api: Api) -> None:
    hold = place(api, task="chat", agent="bot", project="prod")
    answer = api.get(f"{HOLDS}/{hold}")

    assert answer.status == 200
    assert (answer.json["hold"], answer.json["status"], answer.json["origin"]) == (hold, "open", "service")
    assert (answer.json["credits"], answer.json["credits_nano"]) == (Decimal("0.063"), "63000000")
    assert (answer.json["created_at"], answer.json["expires_at"]) == ("2026-03-10T12:30:00Z", "2026-03-10T12:45:00Z")
    assert (answer.json["model"], answer.json["task"], answer.json["agent"]) == (BODY["model"], "chat", "bot")
    assert (answer.json["project"], answer.json["app"], answer.json["basis"]) == ("prod", None, "given")
    assert answer.json["usage"] == {"input_tokens": 900, "output_tokens": 300}
    assert (answer.json["event_id"], answer.json["charged"], answer.json["resolved_at"]) == (None, None, None)


def test_a_hold_past_its_time_reads_as_expired_before_anything_posts_it(api: Api) -> None:
    hold = place(api, expires_in=60)
    with clock.at(NOW + timedelta(seconds=60)):
        answer = api.get(f"{HOLDS}/{hold}")
        assert (answer.json["status"], answer.json["resolved_at"]) == ("expired", "2026-03-10T12:31:00Z")
        assert api.get(HOLDS).json["data"] == []
        assert [row["hold"] for row in api.get(HOLDS, {"status": "expired"}).json["data"]] == [hold]
        assert api.get("/api/v1/credits/summary").json["held"] == 0


def test_holds_are_listed_newest_first_page_by_page(api: Api) -> None:
    placed = [place(api) for _ in range(5)]
    release(api, placed.pop(2))
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(HOLDS, {"limit": 2} | ({"cursor": cursor} if cursor else {})).json
        seen += [row["hold"] for row in page["data"]]
        cursor = page["next_cursor"]
    assert seen == placed[::-1]
    assert len(api.get(HOLDS, {"status": "all"}).json["data"]) == 5
    assert [row["status"] for row in api.get(HOLDS, {"status": "released"}).json["data"]] == ["released"]
    for query in ({"status": "gone"}, {"cursor": "x"}, {"limit": 0}, {"state": "open"}):
        assert api.get(HOLDS, query).status == 400


def test_releasing_gives_everything_back(api: Api, funded: Workspace) -> None:
    hold = place(api)
    answer = release(api, hold)

    assert answer.status == 200
    assert (answer.json["hold"], answer.json["status"], answer.json["expires_at"]) == (hold, "released", None)
    assert (answer.json["balance"], answer.json["held"]) == (12_404, 0)
    assert balance(funded.pk).available == 12_404 * 10**9
    again = release(api, hold)
    assert (again.status, again.json, again.headers["Idempotent-Replay"]) == (200, answer.json, "true")
    assert api.get(f"{HOLDS}/{hold}").json["status"] == "released"


def test_a_hold_that_ended_otherwise_cannot_be_released_or_extended(api: Api) -> None:
    expired, released = place(api, expires_in=60), place(api)
    release(api, released, **{"Idempotency-Key": "r"})
    with clock.at(NOW + timedelta(minutes=2)):
        for answer, status in (
            (release(api, expired), "expired"),
            (api.post(f"{HOLDS}/{expired}/extend", {"expires_in": 60}), "expired"),
            (api.post(f"{HOLDS}/{released}/extend", {"expires_in": 60}), "released"),
        ):
            assert (answer.status, answer.json["code"], answer.json["hold_status"]) == (409, "hold_resolved", status)


def test_a_hold_is_extended_from_now_on_and_never_shortened(api: Api) -> None:
    hold = place(api)
    extend = f"{HOLDS}/{hold}/extend"
    with clock.at(NOW + timedelta(minutes=10)):
        answer = api.post(extend, {"expires_in": 3600})
        assert (answer.status, answer.json["status"], answer.json["expires_at"]) == (
            200,
            "open",
            "2026-03-10T13:40:00Z",
        )
        assert answer.json["held"] == Decimal("0.063")
        assert api.post(extend, {"expires_in": 60}).json["expires_at"] == "2026-03-10T13:40:00Z"
    with clock.at(NOW + timedelta(minutes=30)):
        assert api.get(f"{HOLDS}/{hold}").json["status"] == "open"
        longest = api.post(extend, {"expires_in": 86_400})
        assert (longest.status, longest.json["errors"][0]["pointer"]) == (400, "/expires_in")
        assert "24 hours" in longest.json["detail"]
        assert api.post(extend, {"expires_in": 86_400 - 1800}).json["expires_at"] == "2026-03-11T12:30:00Z"


@pytest.mark.parametrize("body", [{}, {"expires_in": 0}, {"expires_in": "soon"}, {"expires_in": 60, "more": 1}, []])
def test_an_extension_is_whole_seconds(api: Api, body: Any) -> None:
    answer = api.post(f"{HOLDS}/{place(api)}/extend", body)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def test_releasing_and_extending_go_by_the_idempotency_key(api: Api) -> None:
    hold, other = place(api), place(api)
    extend, key = f"{HOLDS}/{hold}/extend", {"Idempotency-Key": "k"}
    first = api.post(extend, {"expires_in": 3600}, **key)
    with clock.at(NOW + timedelta(minutes=5)):
        again = api.post(extend, {"expires_in": 3600}, **key)
        assert (again.json, again.headers["Idempotent-Replay"]) == (first.json, "true")
        for answer in (
            api.post(extend, {"expires_in": 60}, **key),
            release(api, hold, **key),
            release(api, other, **key),
        ):
            assert (answer.status, answer.json["code"]) == (409, "idempotency_conflict")
        assert release(api, hold, **{"Idempotency-Key": "r"}).status == 200
        repeated = release(api, hold, **{"Idempotency-Key": "r"})
        assert (repeated.status, repeated.headers["Idempotent-Replay"]) == (200, "true")


ACTIONS: list[tuple[str, Any]] = [
    ("settle", {"usage": {"input_tokens": 1}}),
    ("release", {}),
    ("extend", {"expires_in": 60}),
]


@pytest.mark.parametrize(("action", "body"), ACTIONS)
def test_a_hold_of_the_other_class_of_key_is_not_found(
    api: Api, customer: Api, funded: Workspace, action: str, body: Any
) -> None:
    for placer, other in ((api, customer), (customer, api)):
        hold = place(placer)
        answer = other.post(f"{HOLDS}/{hold}/{action}", body)
        assert (answer.status, answer.json["code"]) == (404, "not_found")
        assert other.get(f"{HOLDS}/{hold}").json["status"] == "open"  # it may be seen: it is of their credits
    assert balance(funded.pk).held == 2 * 63_000_000


@pytest.mark.parametrize(("action", "body"), ACTIONS)
def test_a_hold_of_another_workspace_is_not_found(api: Api, funded: Workspace, action: str, body: Any) -> None:
    hold, other = place(api), stranger()
    for answer in (other.post(f"{HOLDS}/{hold}/{action}", body), other.get(f"{HOLDS}/{hold}")):
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert other.get(HOLDS).json["data"] == []
    assert balance(funded.pk).held == 63_000_000


@pytest.mark.parametrize(
    "name", ["hold_", "hold_0", "hold_01", "hold_x", "7", "hold_" + "9" * 30, "%00", "hold_%C2%B2"]
)
def test_no_hold_has_such_a_name(api: Api, name: str) -> None:
    assert api.get(f"{HOLDS}/{name}").status == 404
    for action, body in ACTIONS:
        assert api.post(f"{HOLDS}/{name}/{action}", body).status == 404


def test_changing_holds_needs_the_scope_to_write_usage(funded: Workspace, customer: Api) -> None:
    hold = place(customer)
    reader, biller = Api(key_of(funded, Scope.USAGE_READ)), Api(key_of(funded, Scope.BILLING_READ))
    for action, body in ACTIONS:
        assert reader.post(f"{HOLDS}/{hold}/{action}", body).status == 403
    for path in (HOLDS, f"{HOLDS}/{hold}", f"{HOLDS}/accuracy"):
        assert (reader.get(path).status, biller.get(path).status) == (200, 403)


def test_how_well_holds_fitted_is_told(api: Api) -> None:
    release(api, place(api, task="chat"))
    place(api, task="chat")
    answer = api.get(f"{HOLDS}/accuracy", {"by": "task"})
    assert (answer.status, answer.json["by"], answer.json["from"]) == (200, "task", "2026-02-08T12:30:00Z")
    assert answer.json["total"]["holds"] == 2
    assert [(row["key"], row["released"], row["open"]) for row in answer.json["data"]] == [("chat", 1, 1)]
    assert answer.json["total"]["covered_percent"] is None
    assert api.get(f"{HOLDS}/accuracy", {"by": "colour"}).status == 400
    assert api.get(f"{HOLDS}/accuracy", {"from": "2026-03-11"}).json["total"]["holds"] == 0
