from decimal import Decimal

import pytest

from accounts.models import Workspace
from accounts.scopes import Scope
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.ledger.selectors import balance
from billing.metering.models import UsageEvent

PATHS = ["/api/v1/usage/estimate", "/v1/usage/estimate"]
BODY = {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 900, "output_tokens": 300}}


@pytest.mark.parametrize("path", PATHS)
def test_an_estimate_has_the_figures_of_the_contract_and_changes_nothing(
    api: Api, funded: Workspace, path: str
) -> None:
    answer = api.post(path, BODY)

    assert answer.status == 200
    assert answer.json["estimated_input_tokens"] == 900
    assert answer.json["estimated_audio_seconds"] == 0
    assert answer.json["estimated_total_tokens"] == 1200
    assert answer.json["estimated_credits"] == Decimal("0.063")
    assert answer.json["estimated_cost_usd"] == Decimal("0.000315")
    assert answer.json["balance_after_request"] == Decimal("12403.937")
    assert answer.json["sufficient"] is True
    assert answer.json["basis"] == "given"
    assert answer.json["lines"][0]["meter"] == "input_tokens"
    assert answer.json["lines"][0]["quantity"] == 900
    assert answer.json["lines"][0]["price_usd"] == Decimal("0.15")
    assert answer.json["lines"][0]["per"] == 1_000_000
    assert answer.json["lines"][0]["credits"] == Decimal("0.027")
    assert answer.json["lines"][0]["from_allowance"] == 0
    assert answer.headers["X-Usage-Total-Tokens"] == "1200"
    assert balance(funded.pk).available == 12_404 * 10**9
    assert not UsageEvent.objects.exists()


def test_a_text_is_estimated(api: Api) -> None:
    answer = api.post(
        PATHS[0], {"model": "openai/gpt-4o-mini", "text": "Good morning. " * 100, "max_output_tokens": 300}
    )

    assert answer.status == 200
    assert answer.json["estimated_input_tokens"] == 350
    assert answer.json["estimated_total_tokens"] == 650
    assert answer.json["note"]


def test_tokens_and_seconds_are_told_of_what_has_them(api: Api) -> None:
    sentence = "Good morning, this is the voice of your bank. Press one for your balance, two for help."
    speech = api.post(PATHS[0], {"model": "elevenlabs/eleven_flash_v2_5", "text": sentence}).json
    assert (speech["estimated_audio_seconds"], speech["estimated_total_tokens"]) == (Decimal("5.8"), 0)
    chat = api.post(PATHS[0], {"model": "openai/gpt-4o-mini", "text": sentence * 2, "max_output_tokens": 296}).json
    assert (chat["estimated_audio_seconds"], chat["estimated_total_tokens"]) == (0, 340)


def test_reading_is_enough_to_estimate(funded: Workspace) -> None:
    assert Api(key_of(funded, Scope.USAGE_READ)).post(PATHS[0], BODY).status == 200
    assert Api(key_of(funded, Scope.BILLING_READ)).post(PATHS[0], BODY).status == 403


def test_what_is_not_covered_is_refused_with_a_reason(api: Api, funded: Workspace) -> None:
    dear = {"model": "openai/gpt-4o-mini", "usage": {"output_tokens": 10**9}}
    answer = api.post(PATHS[0], dear)
    assert (answer.status, answer.json["sufficient"]) == (200, False)
    assert answer.json["balance_after_request"] < 0

    api.post("/api/v1/usage", usage_event(usage={"output_tokens": 10**9}))
    stopped = api.post(PATHS[0], BODY)
    assert (stopped.status, stopped.json["code"]) == (402, "insufficient_credits")
    assert "nothing was charged" in stopped.json["detail"]


def test_unknown_models_and_meters_are_named(api: Api) -> None:
    model = api.post(PATHS[0], BODY | {"model": "nobody/nothing"})
    assert (model.status, model.json["code"]) == (422, "unknown_model")
    assert model.json["errors"][0]["pointer"] == "/model"
    meter = api.post(PATHS[0], BODY | {"usage": {"wheels": 4}})
    assert (meter.status, meter.json["code"]) == (422, "unknown_meter")


def test_a_malformed_estimate_names_the_place(api: Api) -> None:
    for body in ({}, {"model": "openai/gpt-4o-mini"}, BODY | {"text": "both"}, BODY | {"extra": 1}, []):
        answer = api.post(PATHS[0], body)
        assert (answer.status, answer.json["code"]) == (400, "invalid_request")
