from datetime import timedelta

import pytest

from accounts.models import Workspace
from billing.api.schemas.proof import ProofLine
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.credits import clock
from billing.ledger.proof.tests.checking import lines_of, refusal

PATH = "/api/v1/credits/proof"


def test_the_proof_is_streamed_and_valid(api: Api, funded: Workspace) -> None:
    receipt = api.post("/api/v1/usage", usage_event())
    assert receipt.status == 201
    answer = api.get(PATH)
    assert (answer.status, answer.kind) == (200, "application/jsonl")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="proof.jsonl"'
    head = api.get("/api/v1/usage/events/req_8f").json
    assert refusal(answer.content, head["chain_head"], f"{head['ledger_seq']}:{head['chain_head']}") == ""
    assert [["req_8f", 72_000_000]] in [line.get("items") for line in lines_of(answer.content)]


def test_every_line_is_as_it_is_described(api: Api) -> None:
    api.post("/api/v1/usage", usage_event())
    lines = lines_of(api.get(PATH).content)
    assert len(lines) == 6
    for line in lines:
        described = ProofLine.model_validate(line)
        assert described.model_fields_set == set(line)


def test_only_who_may_see_the_balance_gets_it(funded: Workspace) -> None:
    assert Api(key_of(funded, "billing:read")).get(PATH).status == 200
    refused = Api(key_of(funded, "usage:read", "usage:write", "billing:write")).get(PATH)
    assert (refused.status, refused.json["code"]) == (403, "insufficient_scope")
    assert Api().get(PATH).status == 401
    assert Api(key_of(None)).get(PATH).json["code"] == "invalid_request"


def test_it_takes_nothing_but_get(api: Api) -> None:
    assert api.post(PATH, {}).status == 405
    assert api.get(PATH, {"from": "2026-01-01"}).status == 400


@pytest.mark.django_db(transaction=True)  # the response is closed, and with it a connection that is in a transaction
def test_its_headers_can_be_asked_for_alone(api: Api) -> None:
    head = api.client.head(PATH, headers=api.headers)
    assert head.status_code == 200
    assert head.headers["Content-Type"] == "application/jsonl"
    assert head.getvalue() == b""


def test_a_workspace_without_a_ledger_has_one_too(workspace: Workspace) -> None:
    with clock.at(clock.now() - timedelta(days=1)):
        content = Api(key_of(workspace)).get(PATH).content
    assert refusal(content) == ""
