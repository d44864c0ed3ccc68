from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from accounts.scopes import Scope
from billing.api.calls import METERED_HEADERS
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.credits import clock
from billing.foundation.cache import clear_all
from billing.ledger.models import Hold
from billing.ledger.selectors import balance
from billing.ledger.services import overdraft_set
from billing.metering.allowances import allowance_open
from billing.usage.models import Authorization

AUTHORIZE = "/api/v1/usage/authorize"
BODY: dict[str, Any] = {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 900, "output_tokens": 300}}
NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(db: None) -> Iterator[None]:
    with clock.at(NOW):
        yield


def test_an_authorisation_has_the_figures_of_the_contract(api: Api, funded: Workspace) -> None:
    answer = api.post(AUTHORIZE, BODY)

    assert answer.status == 201
    assert answer.json["hold"].startswith("hold_")
    assert (answer.json["credits"], answer.json["credits_nano"]) == (Decimal("0.063"), "63000000")
    assert answer.json["expires_at"] == "2026-03-10T12:45:00Z"
    assert answer.json["balance"] == Decimal("12403.937")
    assert answer.json["held"] == Decimal("0.063")
    assert (answer.json["overdraft"], answer.json["state"], answer.json["basis"]) == (0, "healthy", "given")
    assert [line["credits"] for line in answer.json["lines"]] == [Decimal("0.027"), Decimal("0.036")]
    assert answer.headers["X-Usage-Total-Tokens"] == "1200"
    assert "Idempotent-Replay" not in answer.headers
    summary = api.get("/api/v1/credits/summary").json
    assert (summary["balance"], summary["held"]) == (Decimal("12403.937"), Decimal("0.063"))


def test_what_the_balance_does_not_cover_is_402_with_what_is_missing(api: Api, funded: Workspace) -> None:
    answer = api.post(AUTHORIZE, BODY | {"usage": {"output_tokens": 10**9}})

    assert (answer.status, answer.kind) == (402, "application/problem+json")
    assert answer.json["code"] == "insufficient_credits"
    assert (answer.json["needed"], answer.json["available"]) == (120_000, 12_404)
    assert (answer.json["missing"], answer.json["missing_nano"]) == (107_596, "107596000000000")
    assert "Add 107596 credits" in answer.json["detail"]
    assert all(name in answer.headers for name in METERED_HEADERS)
    assert balance(funded.pk).held == 0


def test_an_estimate_tells_what_is_missing_too(api: Api) -> None:
    api.post("/api/v1/usage", usage_event(usage={"output_tokens": 10**9}))
    answer = api.post("/api/v1/usage/estimate", BODY)
    assert (answer.status, answer.json["needed"], answer.json["available"]) == (402, Decimal("0.063"), 0)
    assert answer.json["missing"] == Decimal("107596.063")


def test_an_estimate_knows_what_is_held(api: Api, funded: Workspace) -> None:
    overdraft_set(workspace_id=funded.pk, limit=10**9)
    assert api.post(AUTHORIZE, {"max_credits": "12404.5"}).status == 201
    fits = api.post("/api/v1/usage/estimate", {"usage": {"messages": "0.5"}})
    assert (fits.status, fits.json["sufficient"]) == (200, True)
    beyond = api.post("/api/v1/usage/estimate", {"usage": {"messages": "0.6"}})
    assert (beyond.status, beyond.json["sufficient"]) == (200, False)
    assert api.post(AUTHORIZE, {"max_credits": "0.5"}).json["state"] == "stopped"
    assert api.post("/api/v1/usage/estimate", BODY).status == 402


def test_the_overdraft_of_the_plan_is_part_of_a_hold(api: Api, funded: Workspace) -> None:
    overdraft_set(workspace_id=funded.pk, limit=5 * 10**9)
    answer = api.post(AUTHORIZE, {"max_credits": 12_409})
    assert (answer.status, answer.json["overdraft"], answer.json["held"]) == (201, 5, 12_404)
    refused = api.post(AUTHORIZE, {"max_credits": "0.000000001"})
    assert (refused.status, refused.json["available"], refused.json["missing_nano"]) == (402, 0, "1")


def test_what_is_reserved_of_an_allowance_is_told(api: Api, funded: Workspace) -> None:
    day = timedelta(days=1)
    allowance_open(
        workspace_id=funded.pk, meter="messages", starts_at=NOW - day, ends_at=NOW + day, included=Decimal(10)
    )
    answer = api.post(AUTHORIZE, {"usage": {"messages": 4}})
    assert (answer.status, answer.json["credits"], answer.json["lines"][0]["from_allowance"]) == (201, 0, 4)
    (allowance,) = api.get("/api/v1/credits/summary").json["allowances"]
    assert (allowance["included"], allowance["used"], allowance["reserved"]) == (10, 0, 4)


def test_a_text_or_so_many_credits_are_enough(api: Api) -> None:
    text = api.post(AUTHORIZE, {"model": "openai/gpt-4o-mini", "text": "Good morning.", "max_output_tokens": 100})
    assert (text.status, text.json["basis"]) == (201, "worst_case")
    assert text.json["note"]
    credits = api.post(AUTHORIZE, {"model": "openai/gpt-4o-mini", "max_credits": "7.5", "expires_in": 60})
    assert (credits.status, credits.json["credits"], credits.json["lines"]) == (201, Decimal("7.5"), [])


def test_a_model_alone_needs_history(api: Api) -> None:
    body = {"model": "openai/gpt-4o-mini", "task": "chat"}
    answer = api.post(AUTHORIZE, body)
    assert (answer.status, answer.json["code"], answer.json["errors"][0]["pointer"]) == (
        400,
        "invalid_request",
        "/usage",
    )
    assert "Give usage, text or max_credits" in answer.json["detail"]
    for number in range(20):
        api.post("/api/v1/usage", usage_event(f"e{number}", task="chat"))
    clear_all()  # what was known a moment ago is kept for a minute
    answer = api.post(AUTHORIZE, body)
    assert (answer.status, answer.json["credits"], answer.json["basis"]) == (201, Decimal("0.072"), "history")


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({"model": "nobody/nothing"}, 422, "unknown_model", "/model"),
        ({"usage": {"wheels": 4}}, 422, "unknown_meter", "/usage"),
        ({"usage": {"output_tokens": 10**12}, "model": "anthropic/claude-sonnet-4-5"}, 402, "insufficient_credits", ""),
        ({"usage": {"video_seconds": 10**12}, "model": "google/veo-3.1-generate-001"}, 422, "amount_out_of_range", ""),
        ({"max_credits": 10**12}, 422, "amount_out_of_range", "/max_credits"),
        ({"max_credits": 0}, 400, "invalid_request", "/max_credits"),
        ({"expires_in": 86_401}, 400, "invalid_request", "/expires_in"),
        ({"text": "both"}, 400, "invalid_request", "/usage"),
        ({"end_user": "u"}, 400, "invalid_request", "/end_user"),
    ],
)
def test_what_is_refused_holds_nothing(
    api: Api, funded: Workspace, body: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    answer = api.post(AUTHORIZE, BODY | body)
    assert (answer.status, answer.json["code"]) == (status, code)
    if pointer:
        assert answer.json["errors"][0]["pointer"] == pointer
    assert not Hold.objects.exists()


def test_reserving_credits_needs_the_scope_to_write_usage(funded: Workspace) -> None:
    reader = Api(key_of(funded, Scope.USAGE_READ, Scope.BILLING_WRITE))
    assert (reader.post(AUTHORIZE, BODY).status, reader.post(AUTHORIZE, BODY).json["code"]) == (
        403,
        "insufficient_scope",
    )
    writer = Api(key_of(funded, Scope.USAGE_WRITE))
    assert writer.post(AUTHORIZE, BODY).status == 403  # the operator has not allowed it for this workspace
    Workspace.objects.update(usage_write_allowed=True)
    assert writer.post(AUTHORIZE, BODY).status == 201


def test_a_repeat_with_the_same_key_is_the_first_answer(api: Api, funded: Workspace) -> None:
    first = api.post(AUTHORIZE, BODY, **{"Idempotency-Key": "job 17/1"})
    api.post(AUTHORIZE, BODY)
    with clock.at(NOW + timedelta(minutes=1)):
        again = api.post(AUTHORIZE, BODY, **{"Idempotency-Key": "job 17/1"})

    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.headers["X-Usage-Total-Tokens"] == "1200"
    assert Authorization.objects.count() == 2
    other = api.post(AUTHORIZE, BODY | {"task": "chat"}, **{"Idempotency-Key": "job 17/1"})
    assert (other.status, other.json["code"]) == (409, "idempotency_conflict")


def test_a_customers_key_of_a_request_does_not_meet_the_operators(api: Api, customer: Api) -> None:
    for caller in (api, customer):
        answer = caller.post(AUTHORIZE, BODY, **{"Idempotency-Key": "1"})
        assert (answer.status, "Idempotent-Replay" in answer.headers) == (201, False)


@pytest.mark.parametrize("key", ["", "x" * 201, "é", "a\tb", "a\x7fb"])
def test_an_idempotency_key_is_printable_and_short(api: Api, key: str) -> None:
    answer = api.post(AUTHORIZE, BODY, **{"Idempotency-Key": key})
    assert (answer.status, answer.json["errors"][0]["parameter"]) == (400, "Idempotency-Key")
    assert not Hold.objects.exists()


def test_an_idempotency_key_may_have_two_hundred_characters(api: Api) -> None:
    assert api.post(AUTHORIZE, BODY, **{"Idempotency-Key": "~" * 200}).status == 201
