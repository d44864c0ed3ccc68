import json
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.ledger.selectors import balance
from billing.metering.models import UsageEvent

BATCH = "/api/v1/usage/batch"


def batch(*events: Any) -> dict[str, Any]:
    return {"events": list(events)}


def test_each_bad_event_is_named_and_the_good_ones_count_once(api: Api, funded: Workspace) -> None:
    answer = api.post(
        BATCH,
        batch(
            usage_event("a"),
            usage_event("a"),
            usage_event("a", usage={"input_tokens": 1}),
            usage_event("b", model="nobody/nothing"),
            usage_event("c", usage={"wheels": 4}),
            usage_event("d", usage={"input_tokens": -5}),
            usage_event("e", agent="nul\0"),
            "not an event",
            usage_event("f"),
        ),
    )

    assert answer.status == 200
    assert (answer.json["accepted"], answer.json["duplicates"]) == (4, 1)
    assert [(issue["index"], issue["event_id"], issue["code"]) for issue in answer.json["unrated"]] == [
        (3, "b", "unknown_model"),
        (4, "c", "unknown_meter"),
    ]
    assert [(issue["index"], issue["event_id"], issue["code"]) for issue in answer.json["rejected"]] == [
        (2, "a", "idempotency_conflict"),
        (5, "d", "invalid_request"),
        (6, "e", "invalid_request"),
        (7, None, "invalid_request"),
    ]
    assert answer.json["rejected"][1]["pointer"] == "/usage/input_tokens"
    assert answer.json["credits"] == Decimal("0.144")
    assert answer.json["balance"] == Decimal("12403.856")
    assert balance(funded.pk).available == 12_404 * 10**9 - 144_000_000
    assert "workspaces" not in answer.json


USAGE, METADATA = '"usage": {"input_tokens": %s}', '"usage": {"images": 1}, "metadata": {"a": [%s]}'


@pytest.mark.parametrize(
    ("part", "number"),
    [(USAGE, number) for number in ("NaN", "Infinity", "-Infinity", '"NaN"', '"Infinity"', "1e999")]
    + [(METADATA, number) for number in ("NaN", "-Infinity", "1e999")],
)
def test_a_number_that_is_not_finite_rejects_its_event_alone(
    api: Api, funded: Workspace, part: str, number: str
) -> None:
    body = f'{{"events": [{{"event_id": "x", {part % number}}}, {json.dumps(usage_event("y"))}]}}'
    answer = api.post(BATCH, body.encode())
    assert (answer.status, answer.json["accepted"]) == (200, 1)
    assert [(issue["index"], issue["event_id"]) for issue in answer.json["rejected"]] == [(0, "x")]
    assert list(UsageEvent.objects.filter(workspace=funded).values_list("event_id", flat=True)) == ["y"]


def test_a_single_event_or_estimate_with_a_number_that_is_not_finite_is_refused(api: Api, funded: Workspace) -> None:
    body = b'{"event_id": "x", "model": "openai/gpt-4o-mini", "usage": {"input_tokens": NaN}}'
    answer = api.post("/api/v1/usage", body)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["errors"][0]["pointer"] == "/usage/input_tokens"
    estimate = b'{"model": "openai/gpt-4o-mini", "text": "Hello", "max_output_tokens": Infinity}'
    assert api.post("/api/v1/usage/estimate", estimate).status == 400
    assert not UsageEvent.objects.filter(workspace=funded).exists()


def test_a_repeated_batch_charges_nothing(api: Api, funded: Workspace) -> None:
    events = batch(*(usage_event(str(n)) for n in range(20)))
    first, again = api.post(BATCH, events), api.post(BATCH, events)

    assert (first.json["accepted"], first.json["duplicates"]) == (20, 0)
    assert (again.json["accepted"], again.json["duplicates"]) == (0, 20)
    assert again.json["credits"] == 0
    assert again.json["balance"] == first.json["balance"] == Decimal("12402.56")
    assert first.headers["X-Usage-Input-Tokens"] == "24000"
    assert first.headers["X-Usage-Total-Tokens"] == "30000"


def test_a_service_key_writes_for_several_workspaces_at_once(funded: Workspace) -> None:
    other = Workspace.objects.create(name="Contoso", external_id="crm-2")
    service = Api(key_of(None))
    answer = service.post(
        BATCH,
        batch(
            usage_event("a", workspace="crm-2"),
            usage_event("a", workspace=funded.public_id),
            usage_event("b", workspace="nobody"),
            usage_event("c"),
            usage_event("d", workspace="crm-2", usage={"input_tokens": "much"}),
        ),
    )

    assert answer.status == 200
    assert answer.json["accepted"] == 2
    assert [(issue["index"], issue["code"]) for issue in answer.json["rejected"]] == [
        (2, "not_found"),
        (3, "invalid_request"),
        (4, "invalid_request"),
    ]
    assert answer.json["balance"] is None
    assert [(share["workspace"], share["accepted"]) for share in answer.json["workspaces"]] == [
        (other.public_id, 1),
        (funded.public_id, 1),
    ]
    assert balance(other.pk).debt == 72_000_000
    assert balance(funded.pk).available == 12_404 * 10**9 - 72_000_000


def test_a_workspace_key_cannot_write_for_another_workspace(customer: Api, funded: Workspace) -> None:
    other = Workspace.objects.create(name="Contoso", external_id="crm-2")
    answer = customer.post(
        BATCH, batch(usage_event("a", workspace="crm-2"), usage_event("b", workspace=funded.public_id))
    )

    assert answer.json["accepted"] == 1
    assert [(issue["index"], issue["code"]) for issue in answer.json["rejected"]] == [(0, "not_found")]
    assert not UsageEvent.objects.filter(workspace=other).exists()


def test_a_batch_has_at_most_a_thousand_events(api: Api) -> None:
    for body in ({}, {"events": []}, {"events": {}}, [], {"events": [usage_event()], "more": 1}):
        assert api.post(BATCH, body).status == 400
    answer = api.post(BATCH, batch(*({"event_id": str(n)} for n in range(1001))))
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def test_a_thousand_events_of_full_size_are_taken(api: Api) -> None:
    events = [usage_event(f"event-{n}", metadata={"note": "x" * 2000}) for n in range(1000)]
    answer = api.post(BATCH, batch(*events))
    assert answer.status == 200
    assert answer.json["accepted"] == 1000
    assert answer.json["credits"] == 72


def test_a_batch_in_which_nothing_could_be_recorded_tells_the_balance(api: Api, funded: Workspace) -> None:
    answer = api.post(BATCH, batch("not an event", usage_event("d", usage={"input_tokens": -5})))
    assert (answer.status, answer.json["accepted"], len(answer.json["rejected"])) == (200, 0, 2)
    assert (answer.json["credits"], answer.json["balance"]) == (0, 12_404)
    assert answer.json["balance_nano"] == "12404000000000"
