"""The served document describes what is answered: statuses, headers, shapes."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from accounts.models import Workspace
from billing.api import cloudevents
from billing.api.calls import METERED_HEADERS
from billing.api.openapi import ALIASES, document
from billing.api.schemas.base import ProblemDocument
from billing.api.schemas.examples import BODIES
from billing.api.schemas.holds import Accuracies, Authorized, HoldChanged, HoldDocument, Holds, Settled
from billing.api.schemas.invoices import InvoiceDocument, Invoices
from billing.api.schemas.lists import Breakdown, Events, Ledger, Lots, ModelDetail, Models, ReceiptDocument, Summary
from billing.api.schemas.resources import ResourceDocument, Resources
from billing.api.schemas.usage import BatchRecorded, Estimated, UsageRecorded
from billing.api.schemas.workspaces import Granted, PortalSession, WorkspaceDocument, WorkspaceMade, Workspaces
from billing.api.tests.conftest import Answer, Api, key_of, usage_event
from billing.credits import clock
from billing.pricing.agreed import Scope, Step
from billing.pricing.agreements import override_add, schedule_add
from billing.pricing.approvals import markup_add

REF = re.compile(r'"\$ref": ?"([^"]+)"')


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, op) for path, methods in document()["paths"].items() for method, op in methods.items()]


def conforms(value: Any, schema: dict[str, Any], where: str = "") -> list[str]:
    """Where `value` differs from a JSON schema of the kinds this document uses."""
    if "$ref" in schema:
        return conforms(value, document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]], where)
    if "anyOf" in schema:
        found = [conforms(value, option, where) for option in schema["anyOf"]]
        return [] if [] in found else found[0]
    if "enum" in schema or "const" in schema:
        return [] if value in schema.get("enum", [schema.get("const")]) else [f"{where}: {value!r} not in {schema}"]
    kinds: dict[str, Any] = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    kind = schema.get("type")
    if kind == "null":
        return [] if value is None else [f"{where}: {value!r} is not null"]
    if kind == "number":
        return [] if isinstance(value, int | Decimal) else [f"{where}: {value!r} is no number"]
    if kind and not isinstance(value, kinds[kind]):
        return [f"{where}: {value!r} is no {kind}"]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return [f"{where}: {value!r} is not like {schema['pattern']}"]
    if kind == "array":
        return [fault for n, item in enumerate(value) for fault in conforms(item, schema["items"], f"{where}/{n}")]
    if kind == "object":
        return _object(value, schema, where)
    return []


def _object(value: dict[str, Any], schema: dict[str, Any], where: str) -> list[str]:
    known, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
    faults = [f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value]
    for name, item in value.items():
        if name in known:
            faults += conforms(item, known[name], f"{where}/{name}")
        elif rest is False:
            faults.append(f"{where}: {name} is not described")
        elif isinstance(rest, dict):
            faults += conforms(item, rest, f"{where}/{name}")
    return faults


def check(answer: Answer, path: str, method: str) -> None:
    """`answer` is one that the document declares for the operation."""
    declared = document()["paths"][path][method]["responses"]
    assert str(answer.status) in declared, (path, method, answer.status, answer.content)
    response = declared[str(answer.status)]
    kind = answer.kind.split(";")[0]
    assert kind in response["content"]
    if answer.json is not None:
        assert conforms(answer.json, response["content"][kind]["schema"]) == []
    for name, header in response["headers"].items():
        if header.get("required"):
            assert name in answer.headers, (path, answer.status, name)
        if name in answer.headers:
            assert conforms(answer.headers[name], header["schema"]) == []


def test_the_document_is_served_and_whole(client: Any) -> None:
    response = client.get("/api/v1/openapi.json")
    assert response.status_code == 200
    served = response.json()
    assert served["openapi"].startswith("3.1")
    assert set(served["paths"]) == {
        "/api/v1/usage",
        "/api/v1/usage/batch",
        "/api/v1/usage/estimate",
        "/v1/usage/estimate",
        "/api/v1/usage/events",
        "/api/v1/usage/events/{event_id}",
        "/api/v1/usage/breakdown",
        "/api/v1/usage/authorize",
        "/api/v1/usage/holds",
        "/api/v1/usage/holds/accuracy",
        "/api/v1/usage/holds/{hold_id}",
        "/api/v1/usage/holds/{hold_id}/settle",
        "/api/v1/usage/holds/{hold_id}/release",
        "/api/v1/usage/holds/{hold_id}/extend",
        "/api/v1/credits/summary",
        "/api/v1/credits/lots",
        "/api/v1/credits/ledger",
        "/api/v1/credits/proof",
        "/api/v1/credits/statement",
        "/api/v1/credits/packs",
        "/api/v1/credits/checkout",
        "/api/v1/credits/topup",
        "/api/stripe/create-checkout-session",
        "/api/v1/auto-top-up/settings",
        "/api/auto-top-up/settings",
        "/api/v1/alerts/settings",
        "/api/v1/plans",
        "/api/v1/subscription",
        "/api/v1/subscription/addons",
        "/api/v1/entitlements",
        "/api/v1/entitlements/{feature}",
        "/api/v1/invoices/list",
        "/api/v1/invoices/{invoice}",
        "/api/invoices/list",
        "/api/invoices/{invoice}",
        "/api/v1/pricing/models",
        "/api/v1/pricing/models/{model}",
        "/api/v1/workspaces",
        "/api/v1/workspaces/{workspace}",
        "/api/v1/workspaces/{workspace}/grants",
        "/api/v1/workspaces/{workspace}/portal-session",
        "/api/v1/resources",
        "/api/v1/resources/{external_id}",
        "/api/v1/openapi.json",
    }
    for reference in REF.findall(response.content.decode()):
        assert reference.rsplit("/", 1)[-1] in served["components"]["schemas"]
    names = [op["operationId"] for _, _, op in operations()]
    assert len(names) == len(set(names))
    assert "x-purser" not in response.content.decode()


def test_every_operation_with_a_key_declares_its_headers_and_errors() -> None:
    for path, _, operation in operations():
        if path == "/api/v1/openapi.json":
            continue
        assert operation["security"] == [{"BearerKey": []}]
        assert {"400", "401", "403", "404", "429", "503"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            assert set(METERED_HEADERS) <= set(response["headers"])
            kinds = set(response["content"])
            assert (
                kinds == {"application/problem+json"}
                if status >= "400"
                else kinds & {"application/json", "application/jsonl"}
            )


@pytest.mark.parametrize(
    "model",
    [
        *(
            UsageRecorded,
            BatchRecorded,
            Estimated,
            Summary,
            Lots,
            Ledger,
            Models,
            ModelDetail,
            Events,
            ReceiptDocument,
            Breakdown,
        ),
        *(Authorized, HoldDocument, Holds, HoldChanged, Settled, Accuracies),
        *(Invoices, InvoiceDocument),
        *(WorkspaceMade, WorkspaceDocument, Workspaces, Granted, PortalSession),
        *(ResourceDocument, Resources),
    ],
)
def test_every_answer_is_described(model: type[BaseModel]) -> None:
    assert model.__name__ in document()["components"]["schemas"]


def test_answers_are_as_described(api: Api) -> None:
    usage = "/api/v1/usage"
    check(api.post(usage, BODIES["usage_record"] | {"metadata": {"a": [1]}}), usage, "post")
    check(api.post(usage, usage_event("late", occurred_at="2020-01-01T00:00:00Z")), usage, "post")
    check(api.post(usage, usage_event("unrated", model="x/y")), usage, "post")
    check(api.post(usage, usage_event("late", usage={"input_tokens": 1})), usage, "post")
    check(api.post(usage, {}), usage, "post")
    check(api.post(usage, {}, content_type="text/plain"), usage, "post")
    check(api.post(usage, b" " * 70_000), usage, "post")
    batch = BODIES["usage_record_batch"]["events"] + [{"event_id": "bad"}, usage_event("u", model="x/y"), 5]
    check(api.post(f"{usage}/batch", {"events": batch}), f"{usage}/batch", "post")
    check(api.post(f"{usage}/batch", {}), f"{usage}/batch", "post")
    cloud, events = BODIES["usage_record_cloudevents"] | {"subject": None}, f"{usage}/events"
    for event in (cloud, cloud, cloud | {"data": {}}, cloud | {"data": {"model": "x/y", "usage": {"a": 1}}}):
        check(api.post(events, event, cloudevents.ONE), events, "post")
    check(api.post(events, [cloud, 5], cloudevents.MANY), events, "post")
    check(api.post(events, cloud), events, "post")
    check(api.post(events, cloud, "text/plain"), events, "post")
    for path in (f"{usage}/estimate", "/v1/usage/estimate"):
        check(api.post(path, BODIES["usage_estimate"]), path, "post")
        check(api.post(path, BODIES["usage_estimate"] | {"model": "x/y"}), path, "post")
    check(api.get(f"{usage}/events"), f"{usage}/events", "get")
    check(api.get(f"{usage}/events", {"limit": "x"}), f"{usage}/events", "get")
    check(api.get(f"{usage}/events", Accept="text/csv"), f"{usage}/events", "get")
    for event_id in ("req_8f", "unrated", "nobody"):
        check(api.get(f"{usage}/events/{event_id}"), f"{usage}/events/{{event_id}}", "get")
    for by in ("model", "key", "day"):
        check(api.get(f"{usage}/breakdown", {"by": by}), f"{usage}/breakdown", "get")
    for feature in ("concurrency", "quality.premium", "nothing", "a b"):
        check(api.get(f"/api/v1/entitlements/{feature}"), "/api/v1/entitlements/{feature}", "get")
    check(api.get("/api/v1/entitlements"), "/api/v1/entitlements", "get")
    check(api.get("/api/v1/plans"), "/api/v1/plans", "get")
    credits = [f"/api/v1/credits/{name}" for name in ("summary", "lots", "ledger", "proof")]
    for path in (*credits, "/api/v1/pricing/models"):
        check(api.get(path), path, "get")


def test_answers_about_prices_are_as_described(api: Api, funded: Workspace) -> None:
    models, one = "/api/v1/pricing/models", "/api/v1/pricing/models/{model}"
    api.post("/api/v1/usage", usage_event())
    agreed = Scope("openai", "gpt-4o", "input_tokens")
    with clock.at(clock.now() - timedelta(days=1)):
        markup_add(percent=Decimal(7), by="test", provider="openai")
        override_add(workspace=funded, scope=agreed, by="test", price=Decimal(1), per=3)
        tiers = (Step(Decimal(10), off=Decimal(5)),)
        schedule_add(scope=Scope(meter="output_tokens"), mode="volume", steps=tiers, by="test")
    for query in ({}, {"sort": "cost"}, {"max_price_usd": "1", "modality": "text"}, {"sort": "x"}, {"cursor": "x"}):
        check(api.get(models, query), models, "get")
    check(api.get(models, Accept="text/csv"), models, "get")
    for name in ("openai/gpt-4o", "gpt-4o-mini", "deepgram/nova-3", "nobody"):
        check(api.get(f"{models}/{name}"), one, "get")


def test_answers_about_holds_are_as_described(api: Api) -> None:
    usage, hold = "/api/v1/usage", "/api/v1/usage/holds/{hold_id}"
    placed = []
    for name, body in (
        ("1", {}),
        ("2", {"max_credits": 5}),
        ("3", {}),
        ("1", {}),
        ("1", {"max_credits": 5}),
        ("é", {}),
        ("4", {"max_credits": 10**9}),
        ("5", {"model": "x/y"}),
    ):
        answer = api.post(f"{usage}/authorize", BODIES["usage_authorize"] | body, **{"Idempotency-Key": name})
        check(answer, f"{usage}/authorize", "post")
        placed += [answer.json["hold"]] if answer.status == 201 else []
    for public_id, action, body in (
        (placed[0], "extend", BODIES["usage_hold_extend"]),
        (placed[0], "extend", {}),
        (placed[0], "extend", {"expires_in": 86_400}),
        (placed[0], "settle", BODIES["usage_hold_settle"]),
        (placed[0], "settle", BODIES["usage_hold_settle"]),
        (placed[0], "settle", {"usage": {"input_tokens": 1}}),
        (placed[0], "settle", {"usage": {"input_tokens": 1}, "event_id": "x"}),
        (placed[0], "release", {}),
        (placed[1], "release", {}),
        (placed[1], "release", {}),
        (placed[1], "extend", BODIES["usage_hold_extend"]),
        ("hold_0", "settle", BODIES["usage_hold_settle"]),
        ("hold_0", "release", {}),
        ("hold_0", "extend", BODIES["usage_hold_extend"]),
    ):
        check(api.post(f"{usage}/holds/{public_id}/{action}", body), f"{hold}/{action}", "post")
    for public_id in (*placed, "hold_0"):
        check(api.get(f"{usage}/holds/{public_id}"), hold, "get")
    for query in ({}, {"status": "all"}, {"status": "x"}):
        check(api.get(f"{usage}/holds", query), f"{usage}/holds", "get")
    for by in ("model", "task", "basis", "x"):
        check(api.get(f"{usage}/holds/accuracy", {"by": by}), f"{usage}/holds/accuracy", "get")
    check(api.post(usage, usage_event(hold=placed[2])), usage, "post")
    check(api.post(usage, usage_event("other", hold=placed[2])), usage, "post")
    batch = [usage_event("a", hold=placed[1]), usage_event("b", hold="hold_0")]
    check(api.post(f"{usage}/batch", {"events": batch}), f"{usage}/batch", "post")


def test_answers_about_workspaces_are_as_described(funded: Workspace) -> None:
    operator, path = Api(key_of(None)), "/api/v1/workspaces"
    one = f"{path}/{{workspace}}"
    for body in (
        *(BODIES["workspaces_create"], BODIES["workspaces_create"], BODIES["workspaces_create"] | {"name": "x"}),
        *({}, {"name": "x", "owner_email": "a@example.com", "time_zone": "Europe/Berlin"}),
    ):
        check(operator.post(path, body), path, "post")
    check(operator.post(path, {"name": "x", "owner_email": "a@example.com"}, **{"Idempotency-Key": "1"}), path, "post")
    check(operator.post(path, {}, content_type="text/plain"), path, "post")
    check(operator.post(path, b" " * 70_000), path, "post")
    Workspace.objects.create(name="Without owner and plan")
    for query in ({}, {"limit": 1}, {"cursor": "x"}):
        check(operator.get(path, query), path, "get")
    for name in (funded.public_id, "crm-17", "nobody"):
        check(operator.get(f"{path}/{name}"), one, "get")
        for body in ({}, {"email": "nobody@example.com"}, BODIES["workspaces_portal_session"]):
            check(operator.post(f"{path}/{name}/portal-session", body), f"{one}/portal-session", "post")
        for key, body in (
            *(("1", {}), ("1", {}), ("1", {"reason": "x"}), ("", {}), ("2", {"credits": 10**12})),
            ("3", {"expires_at": "2099-01-01T00:00:00Z"}),
        ):
            headers = {"Idempotency-Key": key} if key else {}
            answer = operator.post(f"{path}/{name}/grants", BODIES["workspaces_grant"] | body, **headers)
            check(answer, f"{one}/grants", "post")


def test_answers_about_resources_are_as_described(api: Api) -> None:
    path = "/api/v1/resources"
    one = f"{path}/{{external_id}}"
    other = BODIES["resources_put"] | {"quantity": 3}
    for body in (BODIES["resources_put"], other, {"kind": "storage"}, {"kind": "deployment", "quantity": 10**12}, {}):
        check(api.put(f"{path}/web-1", body), one, "put")
    check(api.put(f"{path}/release", {"kind": "deployment"}), one, "put")
    check(api.put(f"{path}/huge", {"kind": "container", "quantity": 10**12}), one, "put")
    check(api.put(f"{path}/web-1", {}, content_type="text/plain"), one, "put")
    check(api.put(f"{path}/web-1", b" " * 70_000), one, "put")
    for query in ({}, {"limit": 1}, {"state": "done"}, {"state": "x"}, {"cursor": "x"}):
        check(api.get(path, query), path, "get")
    for name in ("web-1", "nobody"):
        check(api.get(f"{path}/{name}"), one, "get")
        check(api.delete(f"{path}/{name}"), one, "delete")


def test_the_routes_of_the_operator_name_the_workspace_in_the_path() -> None:
    for path, method, operation in operations():
        if "/workspaces" in path:
            names = {parameter["name"]: parameter["required"] for parameter in operation["parameters"]}
            assert "Purser-Workspace" not in names
            assert names.get("workspace", True)
            assert "service keys alone" in operation["description"]
            if path.endswith("/grants"):
                assert names["Idempotency-Key"]
            if path.endswith("/portal-session"):
                assert not operation["requestBody"]["required"]
                assert "Idempotent-Replay" not in operation["responses"]["201"]["headers"]
        elif path != "/api/v1/openapi.json":
            assert "Purser-Workspace" in [parameter["name"] for parameter in operation["parameters"]], (path, method)


def test_writes_that_are_no_usage_take_an_idempotency_key() -> None:
    takers = {
        path
        for path, _, operation in operations()
        for parameter in operation.get("parameters", [])
        if parameter["name"] == "Idempotency-Key"
    }
    hold = "/api/v1/usage/holds/{hold_id}"
    workspaces = "/api/v1/workspaces"
    assert takers == {
        "/api/v1/alerts/settings",
        "/api/v1/auto-top-up/settings",
        "/api/auto-top-up/settings",
        *("/api/v1/usage/authorize", f"{hold}/release", f"{hold}/extend"),
        *(workspaces, f"{workspaces}/{{workspace}}/grants"),
        *("/api/v1/credits/checkout", "/api/stripe/create-checkout-session", "/api/v1/credits/topup"),
        *("/api/v1/subscription", "/api/v1/subscription/addons"),
    }


def test_refusals_are_as_described(funded: Workspace) -> None:
    strangers = [Api(), Api(key_of(None)), Api(key_of(funded, "billing:write"))]
    limited = Api(key_of(funded, rate_limit=1))
    for path, method, _ in operations():
        if path == "/api/v1/openapi.json":
            continue
        url = path.replace("{event_id}", "x").replace("{hold_id}", "hold_1").replace("{workspace}", "nobody")
        url = url.replace("{invoice}", "nothing").replace("{external_id}", "nothing")
        for api in [*strangers, limited, limited]:
            sent = (url, usage_event()) if method in ("post", "put") else (url,)
            answer = getattr(api, method)(*sent)
            check(answer, path, method)
            if answer.status >= 400:
                ProblemDocument.model_validate(answer.json)


def test_the_reference_page_shows_every_endpoint_and_code(client: Any, db: None) -> None:
    response = client.get("/api/v1/docs")
    page = response.content.decode()
    assert response.status_code == 200
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    for path, _, operation in operations():
        if path not in ("/api/v1/openapi.json", *ALIASES):
            assert path in page
            assert operation["summary"] in page
    assert 'id="problem-idempotency_conflict"' in page
    assert "<style" not in page
    assert " style=" not in page
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert "curl http://localhost:8000/api/v1/usage" in page
