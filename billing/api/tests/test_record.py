from decimal import Decimal

from accounts.models import Workspace
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.ledger.selectors import balance
from billing.metering.models import UsageEvent

USAGE = "/api/v1/usage"


def test_a_recorded_request_is_answered_with_the_figures_of_the_contract(api: Api) -> None:
    answer = api.post(USAGE, usage_event(project="prod", agent="support-bot", app="web", task="chat", end_user="u_123"))

    assert answer.status == 201
    assert answer.json["event_id"] == "req_8f"
    assert answer.json["credits"] == Decimal("0.072")
    assert answer.json["credits_nano"] == "72000000"
    assert answer.json["cost_usd"] == Decimal("0.00036")
    assert answer.json["usage"] == {
        "input_tokens": 1200,
        "output_audio_seconds": 0,
        "total_tokens": 1500,
        "billable_tokens": Decimal("0.072"),
        "remaining_balance": Decimal("12403.928"),
    }
    assert answer.json["balance"] == Decimal("12403.928")
    assert answer.json["balance_nano"] == "12403928000000"
    assert answer.json["held"] == 0
    assert answer.json["state"] == "healthy"
    assert [(line["meter"], line["credits"]) for line in answer.json["lines"]] == [
        ("input_tokens", Decimal("0.036")),
        ("output_tokens", Decimal("0.036")),
    ]
    assert answer.headers["X-Usage-Input-Tokens"] == "1200"
    assert answer.headers["X-Usage-Output-Seconds"] == "0"
    assert answer.headers["X-Usage-Total-Tokens"] == "1500"
    assert answer.headers["X-RateLimit-Limit"] == "600000"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert b"e-" not in answer.content.lower()


def test_a_repeat_gets_the_first_answer_and_charges_nothing(api: Api, funded: Workspace) -> None:
    first = api.post(USAGE, usage_event())
    api.post(USAGE, usage_event("another"))
    again = api.post(USAGE, usage_event())

    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert again.headers["Idempotent-Replay"] == "true"
    assert "Idempotent-Replay" not in first.headers
    assert balance(funded.pk).available == 12_404 * 10**9 - 2 * 72_000_000


def test_the_same_id_with_another_body_is_a_conflict(api: Api, funded: Workspace) -> None:
    api.post(USAGE, usage_event())
    answer = api.post(USAGE, usage_event(usage={"input_tokens": 1}))

    assert answer.status == 409
    assert answer.json["code"] == "idempotency_conflict"
    assert balance(funded.pk).available == 12_404 * 10**9 - 72_000_000


def test_a_customers_id_does_not_block_the_operators(api: Api, customer: Api, funded: Workspace) -> None:
    assert customer.post(USAGE, usage_event(usage={"input_tokens": 5})).status == 201
    answer = api.post(USAGE, usage_event())

    assert answer.status == 201
    assert answer.json["credits"] == Decimal("0.072")
    assert UsageEvent.objects.filter(workspace=funded, event_id="req_8f").count() == 2


def test_usage_beyond_the_balance_is_recorded_as_debt(api: Api) -> None:
    answer = api.post(USAGE, usage_event(usage={"output_tokens": 10**9}))

    assert answer.status == 201
    assert answer.json["balance"] == 0
    assert answer.json["debt"] == Decimal(120_000) - Decimal(12_404)
    assert answer.json["state"] == "stopped"


def test_an_unknown_model_is_kept_unrated(api: Api, funded: Workspace) -> None:
    answer = api.post(USAGE, usage_event(model="nobody/nothing-1"))

    assert answer.status == 201
    assert answer.json["unrated"] == "unknown_model"
    assert answer.json["credits"] == 0
    assert UsageEvent.objects.get(workspace=funded).problem == "unknown_model"


def test_a_providers_usage_object_may_be_sent_as_it_is(api: Api) -> None:
    usage = {
        "prompt_tokens": 1200,
        "completion_tokens": 300,
        "total_tokens": 1500,
        "prompt_tokens_details": {"cached_tokens": 200, "audio_tokens": 0},
    }
    answer = api.post(USAGE, usage_event(usage=usage, usage_format="openai"))

    assert answer.status == 201
    # 1,000 at $0.15, 200 cached at $0.075, 300 at $0.60 per million; $0.005 a credit
    assert answer.json["credits"] == Decimal("0.069")


def test_a_malformed_event_names_the_place(api: Api, funded: Workspace) -> None:
    answer = api.post(USAGE, usage_event(usage={"input_tokens": -1}))

    assert answer.status == 400
    assert answer.kind == "application/problem+json"
    assert answer.json["code"] == "invalid_request"
    assert answer.json["errors"][0]["pointer"] == "/usage/input_tokens"
    assert balance(funded.pk).available == 12_404 * 10**9


def test_a_charge_that_does_not_fit_the_ledger_is_refused(api: Api) -> None:
    answer = api.post(USAGE, usage_event(model="google/veo-3.1-generate-001", usage={"video_seconds": 10**12}))

    assert answer.status == 422
    assert answer.json["code"] == "amount_out_of_range"


def test_decimal_strings_and_numbers_are_the_same(api: Api) -> None:
    first = api.post(USAGE, usage_event(usage={"input_tokens": 0.5, "output_tokens": 1}))
    again = api.post(USAGE, usage_event(usage={"input_tokens": "0.500", "output_tokens": "1.0"}))

    assert (first.status, again.status) == (201, 201)
    assert again.headers["Idempotent-Replay"] == "true"


def test_a_project_key_books_on_its_project(funded: Workspace) -> None:
    funded.usage_write_allowed = True
    funded.save()
    project = funded.projects.create(slug="mobile", name="Mobile")
    answer = Api(key_of(funded, project=project)).post(USAGE, usage_event(project="web"))

    assert answer.status == 201
    assert UsageEvent.objects.get(workspace=funded).project == project
