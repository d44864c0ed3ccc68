"""What a client may rely on, example by example, with the figures of the contract: gpt-4o-mini at $0.15 and $0.60 per
million tokens, no markup, $0.005 a credit, a balance of 12,404 credits.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.api.calls import METERED_HEADERS
from billing.api.tests.conftest import Answer, Api, key_of
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.services import credits_grant

MODEL = "openai/gpt-4o-mini"
NOW = clock.now()
DAYS = {"from": f"{NOW - timedelta(days=1):%Y-%m-%d}", "to": f"{NOW + timedelta(days=1):%Y-%m-%d}"}
ESTIMATE = {"model": MODEL, "usage": {"input_tokens": 900, "output_tokens": 300}}
EVENT = {
    "event_id": "req_8f",
    "model": MODEL,
    "usage": {"input_tokens": 1200, "output_tokens": 300},
    "variant": {},
    "occurred_at": (NOW - timedelta(minutes=1)).isoformat(),
    "project": "prod",
    "agent": "support-bot",
    "app": "web",
    "task": "chat",
    "end_user": "u_123",
    "metadata": {},
}
HOLD = "/api/v1/usage/holds"


def figures(answer: Answer, *names: str) -> list[Any]:
    return [answer.json[name] for name in names]


def line(meter: str, quantity: int, price: str, credits: str) -> dict[str, Any]:
    return {
        "meter": meter,
        "quantity": quantity,
        "price_usd": Decimal(price),
        "per": 1_000_000,
        "markup_percent": 0,
        "from_allowance": 0,
        "credits": Decimal(credits),
    }


@pytest.mark.parametrize("path", ["/api/v1/usage/estimate", "/v1/usage/estimate"])
def test_estimate(api: Api, path: str) -> None:
    answer = api.post(path, ESTIMATE)
    assert answer.status == 200
    assert {name: answer.json[name] for name in answer.json if "nano" not in name} == {
        "estimated_input_tokens": 900,
        "estimated_audio_seconds": 0,
        "estimated_total_tokens": 1200,
        "estimated_credits": Decimal("0.063"),
        "estimated_cost_usd": Decimal("0.000315"),
        "balance": 12404,
        "balance_after_request": Decimal("12403.937"),
        "sufficient": True,
        "basis": "given",
        "note": "",
        "budget": None,
        "concurrency": None,
        "lines": [line("input_tokens", 900, "0.15", "0.027"), line("output_tokens", 300, "0.6", "0.036")],
    }


def test_estimate_of_a_text(api: Api) -> None:
    answer = api.post("/api/v1/usage/estimate", {"model": MODEL, "text": "Write a haiku.", "max_output_tokens": 300})
    assert answer.status == 200
    assert answer.json["basis"] in ("tokenizer", "default")
    assert answer.json["lines"][-1] == line("output_tokens", 300, "0.6", "0.036")


def test_authorize_extend_and_release(api: Api) -> None:
    placed = api.post("/api/v1/usage/authorize", ESTIMATE)
    assert placed.status == 201
    assert placed.json["hold"].startswith("hold_")
    assert figures(placed, "credits", "balance", "held") == [Decimal("0.063"), Decimal("12403.937"), Decimal("0.063")]
    hold = f"{HOLD}/{placed.json['hold']}"
    seen = api.get(hold).json
    assert seen["status"] == "open"
    lives = datetime.fromisoformat(seen["expires_at"]) - datetime.fromisoformat(seen["created_at"])
    assert lives.total_seconds() == 900
    longer = api.post(f"{hold}/extend", {"expires_in": 3_600}).json
    assert longer["expires_at"] > placed.json["expires_at"]
    freed = api.post(f"{hold}/release", {})
    assert (freed.status, *figures(freed, "balance", "held")) == (200, 12404, 0)
    late = api.post(f"{hold}/settle", {"usage": EVENT["usage"]})
    assert (late.status, late.json["code"], late.json["hold_status"]) == (409, "hold_resolved", "released")


def test_authorize_is_refused_when_the_balance_does_not_cover_it(api: Api) -> None:
    answer = api.post("/api/v1/usage/authorize", ESTIMATE | {"max_credits": 12_405})
    assert (answer.status, answer.json["code"], answer.json["missing"]) == (402, "insufficient_credits", 1)


def test_settle_returns_what_recording_returns(api: Api) -> None:
    hold = api.post("/api/v1/usage/authorize", ESTIMATE | {"max_credits": "0.5"}).json["hold"]
    settled = api.post(f"{HOLD}/{hold}/settle", {"usage": EVENT["usage"]})
    recorded = api.post("/api/v1/usage", EVENT)
    assert settled.status == recorded.status == 201
    assert recorded.json.keys() | {"hold", "hold_status"} == settled.json.keys()
    assert figures(settled, "credits_nano", "hold_status") == ["72000000", "settled"]


def test_record(api: Api) -> None:
    answer = api.post("/api/v1/usage", EVENT)
    assert answer.status == 201
    names = ("event_id", "credits", "credits_nano", "cost_usd", "balance", "held", "state")
    assert figures(answer, *names) == [
        *("req_8f", Decimal("0.072"), "72000000", Decimal("0.00036")),
        *(Decimal("12403.928"), 0, "healthy"),
    ]
    assert answer.json["usage"] == {
        "input_tokens": 1200,
        "output_audio_seconds": 0,
        "total_tokens": 1500,
        "billable_tokens": Decimal("0.072"),
        "remaining_balance": Decimal("12403.928"),
    }
    assert answer.json["lines"] == [
        line("input_tokens", 1200, "0.15", "0.036"),
        line("output_tokens", 300, "0.6", "0.036"),
    ]
    headers = [answer.headers[name] for name in list(METERED_HEADERS)[:3]]
    assert headers == ["1200", "0", "1500"]


def test_a_repeat_returns_the_first_answer_and_another_body_is_a_conflict(api: Api) -> None:
    first, again = api.post("/api/v1/usage", EVENT), api.post("/api/v1/usage", EVENT)
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.content == first.content
    other = api.post("/api/v1/usage", EVENT | {"usage": {"input_tokens": 1}})
    assert (other.status, other.json["code"]) == (409, "idempotency_conflict")
    assert api.get("/api/v1/credits/summary").json["balance"] == Decimal("12403.928")


def test_batch(api: Api) -> None:
    events = [
        EVENT,
        EVENT,
        {"event_id": "u", "model": "nobody/nothing", "usage": {"input_tokens": 1}},
        {"event_id": "bad", "model": MODEL, "usage": {"input_tokens": -1}},
    ]
    answer = api.post("/api/v1/usage/batch", {"events": events})
    assert answer.status == 200
    assert figures(answer, "accepted", "duplicates", "credits", "balance") == [
        *(2, 1, Decimal("0.072"), Decimal("12403.928")),
    ]
    named = [(name, *(issue[part] for part in ("index", "event_id", "code"))) for name in ("unrated", "rejected")
             for issue in answer.json[name]]  # fmt: skip
    assert named == [("unrated", 2, "u", "unknown_model"), ("rejected", 3, "bad", "invalid_request")]


@pytest.mark.parametrize(
    ("usage_format", "usage"),
    [
        ("openai", {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500}),
        ("anthropic", {"input_tokens": 1200, "output_tokens": 300}),
        ("gemini", {"promptTokenCount": 1200, "candidatesTokenCount": 250, "thoughtsTokenCount": 50}),
    ],
)
def test_a_providers_usage_object(api: Api, usage_format: str, usage: dict[str, int]) -> None:
    answer = api.post("/api/v1/usage", EVENT | {"usage": usage, "usage_format": usage_format})
    assert (answer.status, answer.json["credits"]) == (201, Decimal("0.072"))


def test_events_receipt_and_breakdown(api: Api) -> None:
    api.post("/api/v1/usage", EVENT)
    key = api.get("/api/v1/usage/events").json["data"][0]["key"]
    filters = {"model": MODEL, "agent": "support-bot", "app": "web", "task": "chat", "key": key} | DAYS
    for name, value in filters.items():
        found = api.get("/api/v1/usage/events", {name: value}).json
        assert ([row["event_id"] for row in found["data"]], found["next_cursor"]) == (["req_8f"], None)
    receipt = api.get("/api/v1/usage/events/req_8f").json
    assert [paid["credits"] for paid in receipt["lots"]] == [Decimal("0.072")]
    assert len(receipt["chain_head"]) == 64
    assert len(receipt["lines"]) == 2
    for by in ("model", "provider", "task", "project", "agent", "app", "key", "day", "month", "meter"):
        query = {"by": by} | DAYS
        whole = api.get("/api/v1/usage/breakdown", query)
        assert (whole.status, whole.json["credits"]) == (200, Decimal("0.072"))
        assert api.get("/api/v1/usage/breakdown", query, Accept="text/csv").kind.startswith("text/csv")
    assert b"req_8f" in api.get("/api/v1/usage/events", Accept="text/csv").content


def test_a_month_of_1250_credits(api: Api) -> None:
    middle = (NOW + timedelta(days=62)).replace(day=15, hour=12)
    for days, messages in ((40, "6630.5"), (3, "1204.8"), (0, "45.2")):
        with clock.at(middle - timedelta(days=days)):
            body = {"event_id": f"{days} days ago", "usage": {"messages": messages}}
            assert api.post("/api/v1/usage", body).status == 201
    with clock.at(middle):
        summary = api.get("/api/v1/credits/summary")
    assert figures(summary, "balance", "pending", "usage") == [
        *(Decimal("4523.5"), 0),
        {"today": Decimal("45.2"), "thisMonth": 1250},
    ]


def test_327_of_12731_credits(api: Api, funded: Workspace) -> None:
    credits_grant(workspace_id=funded.pk, key="more", amount=327 * NANO, label="More")
    used = api.post("/api/v1/usage", {"event_id": "e", "usage": {"messages": 327}}).json["usage"]
    assert (used["billable_tokens"], used["remaining_balance"]) == (327, 12_404)


def test_summary(api: Api) -> None:
    now = {name: value for name, value in EVENT.items() if name != "occurred_at"}
    api.post("/api/v1/usage", now)
    api.post("/api/v1/usage/authorize", ESTIMATE)
    summary = api.get("/api/v1/credits/summary")
    assert figures(summary, "balance", "pending", "held", "debt", "state", "usage", "expiring") == [
        *(Decimal("12403.865"), 0, Decimal("0.063"), 0, "healthy"),
        {"today": Decimal("0.072"), "thisMonth": Decimal("0.072")},
        [],
    ]
    spent = {"today": Decimal("0.072"), "thisMonth": Decimal("0.072")}
    assert summary.json["breakdown"] == {
        "agents": [{"name": "support-bot"} | spent],
        "apps": [{"name": "web"} | spent],
        "addons": {"today": 0, "thisMonth": 0},
    }
    assert {"allowances", "runway_days"} <= summary.json.keys()


def test_lots_and_ledger(api: Api) -> None:
    api.post("/api/v1/usage", EVENT)
    (lot,) = api.get("/api/v1/credits/lots").json["data"]
    assert {"id", "source", "granted_at", "expires_at", "status"} <= lot.keys()
    assert [lot[name] for name in ("amount", "remaining", "held")] == [12404, Decimal("12403.928"), 0]
    newest = api.get("/api/v1/credits/ledger", {"limit": 1}).json
    (transfer,) = newest["data"]
    assert {"seq", "kind", "debit", "credit", "digest"} <= transfer.keys()
    assert [transfer[name] for name in ("amount", "balance_after")] == [Decimal("0.072"), Decimal("12403.928")]
    assert newest["next_cursor"]
    assert len(api.get("/api/v1/credits/ledger", {"cursor": newest["next_cursor"]}).json["data"]) == 1


def test_prices(api: Api) -> None:
    query = {"search": "gpt-4o-mini", "provider": "openai", "modality": "text", "limit": 1}
    (found,) = api.get("/api/v1/pricing/models", query).json["data"]
    prices = {price["meter"]: (price["price_usd"], price["per"]) for price in found["prices"] if not price["variant"]}
    assert found["model"] == MODEL
    assert prices["input_tokens"] == (Decimal("0.15"), 1_000_000)
    assert prices["output_tokens"] == (Decimal("0.6"), 1_000_000)


def test_customers_of_the_operator(funded: Workspace) -> None:
    operator = Api(key_of(None))
    body = {"name": "Acme", "external_id": "crm-17", "owner_email": "ann@example.com", "plan": "pro"}
    made = operator.post("/api/v1/workspaces", body)
    assert made.status == 201
    assert made.json["api_key"]["key"].startswith("pws_")
    given = {"credits": 500, "reason": "Goodwill", "expires_at": "2099-01-01T00:00:00Z"}
    granted = operator.post("/api/v1/workspaces/crm-17/grants", given, **{"Idempotency-Key": "1"})
    assert (granted.status, granted.json["balance"]) == (201, 500)
    assert operator.post("/api/v1/workspaces/crm-17/portal-session", {}).json["url"].startswith("http")
    named = [row["external_id"] for row in operator.get("/api/v1/workspaces").json["data"]]
    assert named == ["crm-17", None]
    assert Api(made.json["api_key"]["key"]).get("/api/v1/credits/summary").json["balance"] == 500
    assert Api(made.json["api_key"]["key"]).post("/api/v1/usage", EVENT).json["code"] == "insufficient_scope"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/api/v1/usage", {}, 400, "invalid_request"),
        ("/api/v1/usage/estimate", ESTIMATE | {"model": "nobody/nothing"}, 422, "unknown_model"),
        ("/api/v1/usage/estimate", {"model": MODEL, "usage": {"pages": 1}}, 422, "unknown_meter"),
        ("/api/v1/usage", EVENT | {"usage": {"input_tokens": 10**12}, "model": "openai/gpt-4"}, 201, None),
        ("/api/v1/usage/authorize", {"model": MODEL, "max_credits": 10**12}, 422, "amount_out_of_range"),
        ("/api/v1/usage", EVENT | {"metadata": {"a": "x" * 70_000}}, 413, "payload_too_large"),
        (f"{HOLD}/hold_0/release", {}, 404, "not_found"),
    ],
)
def test_errors_are_problem_documents_and_every_answer_has_its_headers(
    api: Api, path: str, body: dict[str, Any], status: int, code: str | None
) -> None:
    answer = api.post(path, body)
    assert answer.status == status
    assert METERED_HEADERS.keys() <= set(answer.headers)
    if code is not None:
        assert answer.kind == "application/problem+json"
        assert {"type", "title", "status", "detail", "code"} <= answer.json.keys()
        assert (answer.json["status"], answer.json["code"]) == (status, code)
        assert api.get("/api/v1/credits/summary").json["balance"] == 12404
