import base64
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Workspace
from billing.api.cloudevents import MANY, ONE
from billing.api.tests.conftest import Answer, Api, key_of, usage_event
from billing.credits import clock
from billing.ledger.selectors import balance
from billing.metering.models import UsageEvent
from billing.metering.selectors.receipts import receipt
from billing.metering.verify import verify_usage

EVENTS = "/api/v1/usage/events"
DATA = {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 1200, "output_tokens": 300}}


def cloud(event_id: str = "req_8f", **changes: Any) -> dict[str, Any]:
    """0.072 credits of gpt-4o-mini."""
    event = {"specversion": "1.0", "id": event_id, "source": "/gateway", "type": "com.example.usage", "data": DATA}
    return {name: value for name, value in (event | changes).items() if value != "left out"}


def send(api: Api, event: Any, **headers: str) -> Answer:
    return api.post(EVENTS, event, ONE, **headers)


def send_many(api: Api, *events: Any, **headers: str) -> Answer:
    return api.post(EVENTS, list(events), MANY, **headers)


def place(answer: Answer) -> str:
    """Where the problem says the fault is."""
    assert (answer.status, answer.json["code"]) == (400, "invalid_request"), answer.content
    pointer: str = answer.json["errors"][0]["pointer"]
    return pointer


@pytest.fixture
def backend(funded: Workspace) -> Api:
    """The operator's backend without a workspace header."""
    return Api(key_of(None))


# One


def test_a_cloudevent_is_recorded_and_answered_like_a_post_of_usage(api: Api, funded: Workspace) -> None:
    at = (clock.now() - timedelta(hours=2)).replace(microsecond=0)
    answer = send(api, cloud(time=at.isoformat(), data=DATA | {"agent": "bot", "end_user": "u_1"}))
    assert answer.status == 201
    plain = api.post("/api/v1/usage", usage_event("plain"))
    assert answer.json.keys() == plain.json.keys()
    assert (answer.json["event_id"], answer.json["credits"]) == ("req_8f", Decimal("0.072"))
    event = UsageEvent.objects.get(event_id="req_8f")
    assert (event.origin, event.occurred_at, event.agent, event.end_user) == ("ce:service:/gateway", at, "bot", "u_1")
    assert verify_usage(funded.pk) == []


def test_the_same_cloudevent_counts_once_and_another_of_its_id_is_a_conflict(api: Api, funded: Workspace) -> None:
    first = send(api, cloud())
    again = send(api, cloud(type="renamed", traceparent="00-1-2-01", datacontenttype="application/json; charset=utf-8"))
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replay"] == "true"
    other = send(api, cloud(data=DATA | {"usage": {"input_tokens": 1}}))
    assert (other.status, other.json["code"]) == (409, "idempotency_conflict")
    assert balance(funded.pk).available == 12_404 * 10**9 - 72_000_000


def test_ids_are_those_of_a_source_and_a_class_of_key(api: Api, customer: Api, funded: Workspace) -> None:
    long = "/" + "x" * 900
    sources = ("/a", "/b", "service:/a", long, long + "y")
    for reporter in (api, customer):
        for source in sources:
            answer = send(reporter, cloud("same", source=source))
            assert (answer.status, "Idempotent-Replay" in answer.headers) == (201, False), source
        assert reporter.post("/api/v1/usage", usage_event("same")).status == 201
    assert UsageEvent.objects.filter(event_id="same").values("origin").distinct().count() == 12
    assert send(api, cloud("same", source=long)).headers["Idempotent-Replay"] == "true"
    assert verify_usage(funded.pk) == []


def test_what_the_envelope_says_may_be_repeated_and_not_contradicted(api: Api) -> None:
    at = clock.now().replace(microsecond=0)
    said = DATA | {"event_id": "req_8f", "occurred_at": at.isoformat()}
    assert send(api, cloud(time=at.isoformat().replace("+00:00", "Z"), data=said)).status == 201
    assert place(send(api, cloud("other", data=said))) == "/data/event_id"
    later = (at + timedelta(seconds=1)).isoformat()
    assert place(send(api, cloud(time=later, data=said))) == "/data/occurred_at"
    assert send(api, cloud(time=None, data=said)).headers["Idempotent-Replay"] == "true"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"specversion": "left out"}, "/specversion"),
        ({"specversion": "0.3"}, "/specversion"),
        ({"specversion": 1.0}, "/specversion"),
        ({"id": "left out"}, "/id"),
        ({"id": ""}, "/id"),
        ({"id": 5}, "/id"),
        ({"id": "x" * 201}, "/id"),
        ({"id": "nul\0"}, "/id"),
        ({"id": "\ud800"}, "/id"),
        ({"source": None}, "/source"),
        ({"source": ""}, "/source"),
        ({"source": "two words"}, "/source"),
        ({"source": "/half%2"}, "/source"),
        ({"source": "/a#b#c"}, "/source"),
        ({"source": "http://[nonsense/"}, "/source"),
        ({"source": "/" + "x" * 1000}, "/source"),
        ({"type": "left out"}, "/type"),
        ({"type": ""}, "/type"),
        ({"type": ["a"]}, "/type"),
        ({"subject": ""}, "/subject"),
        ({"subject": 5}, "/subject"),
        ({"time": "yesterday"}, "/time"),
        ({"time": 1_700_000_000}, "/time"),
        ({"time": "2100-01-01T00:00:00Z"}, "/time"),
        ({"datacontenttype": "application/xml"}, "/datacontenttype"),
        ({"datacontenttype": ""}, "/datacontenttype"),
        ({"dataschema": "a b"}, "/dataschema"),
        ({"extension": {"deep": 1}}, "/extension"),
        ({"extension": 1.5}, "/extension"),
        ({"data": "left out"}, "/data"),
        ({"data": None}, "/data"),
        ({"data": [DATA]}, "/data"),
        ({"data": json.dumps(DATA)}, "/data"),
        ({"data": DATA | {"usage": {"input_tokens": -1}}}, "/data/usage/input_tokens"),
        ({"data": DATA | {"colour": 1}}, "/data/colour"),
        ({"data": DATA | {"workspace": "x"}}, "/data/workspace"),
        ({"data_base64": "e30="}, "/data_base64"),
        ({"data": None, "data_base64": "no base64!"}, "/data_base64"),
        ({"data": None, "data_base64": "bm90IGpzb24="}, "/data_base64"),
        ({"data": None, "data_base64": 5}, "/data_base64"),
    ],
)
def test_a_malformed_cloudevent_is_refused_with_the_place_of_its_fault(
    api: Api, funded: Workspace, changes: dict[str, Any], pointer: str
) -> None:
    assert place(send(api, cloud(**changes))) == pointer
    in_batch = send_many(api, cloud(**changes))
    assert in_batch.status == 200
    assert [issue["pointer"] for issue in in_batch.json["rejected"]] == [pointer]
    assert not UsageEvent.objects.exists()


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null", b"{"])
def test_what_is_no_cloudevent_is_refused(api: Api, body: bytes) -> None:
    answer = send(api, body)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def test_a_name_that_no_attribute_can_have_is_a_mistake(api: Api) -> None:
    for name in ("event_Id", "Data", "usage-format", "é"):
        answer = send(api, cloud(**{name: "x"}))
        assert (answer.status, answer.json["code"]) == (400, "invalid_request")
        assert name in answer.json["detail"]


def test_data_may_come_in_base64(api: Api) -> None:
    encoded = base64.b64encode(json.dumps(DATA).encode()).decode()
    answer = send(api, cloud(data=None, data_base64=encoded, datacontenttype="application/vnd.usage+json"))
    assert (answer.status, answer.json["credits"]) == (201, Decimal("0.072"))
    assert send(api, cloud()).headers["Idempotent-Replay"] == "true"


def test_an_unknown_model_is_recorded_unrated(api: Api) -> None:
    answer = send(api, cloud(data=DATA | {"model": "nobody/nothing"}))
    assert (answer.status, answer.json["unrated"], answer.json["credits"]) == (201, "unknown_model", 0)


# Whose


def test_the_subject_is_the_workspace(backend: Api, funded: Workspace) -> None:
    Workspace.objects.filter(pk=funded.pk).update(external_id="crm-17")
    assert place(send(backend, cloud())) == "/subject"
    for subject, replayed in ((funded.public_id, None), ("crm-17", "true")):
        answer = send(backend, cloud(subject=subject))
        assert (answer.status, answer.headers.get("Idempotent-Replay")) == (201, replayed)
    missing = send(backend, cloud(subject="nobody"))
    assert (missing.status, missing.json["code"]) == (404, "not_found")
    assert UsageEvent.objects.get().workspace_id == funded.pk


def test_subject_header_and_key_must_not_contradict_each_other(api: Api, customer: Api, funded: Workspace) -> None:
    other = Workspace.objects.create(name="Other", external_id="crm-18")
    Workspace.objects.filter(pk=funded.pk).update(external_id="crm-17")
    assert place(send(api, cloud(subject="crm-18"))) == "/subject"
    assert send(api, cloud(subject="crm-17")).status == 201
    for subject in (other.public_id, "crm-18", "nobody"):
        answer = send(customer, cloud(subject=subject))
        assert (answer.status, answer.json["code"]) == (404, "not_found")
        assert answer.json["detail"] == "This key belongs to another workspace."
    assert send(customer, cloud(subject=funded.public_id)).status == 201
    assert not UsageEvent.objects.filter(workspace=other).exists()


def test_a_cloudevent_settles_a_hold_of_its_class_of_key(api: Api, customer: Api, funded: Workspace) -> None:
    def hold(reporter: Api, name: str) -> str:
        held = reporter.post("/api/v1/usage/authorize", DATA, **{"Idempotency-Key": name})
        assert held.status == 201
        placed: str = held.json["hold"]
        return placed

    ours, theirs = hold(api, "ours"), hold(customer, "theirs")
    foreign = send(api, cloud("foreign", data=DATA | {"hold": theirs}))
    assert (foreign.status, foreign.json["errors"][0]["pointer"]) == (404, "/data/hold")
    assert send(api, cloud("a", data=DATA | {"hold": ours})).json["hold_status"] == "settled"
    answer = send_many(customer, cloud("b", data=DATA | {"hold": theirs}), cloud("c", data=DATA | {"hold": ours}))
    assert (answer.json["accepted"], answer.json["rejected"][0]["pointer"]) == (1, "/data/hold")
    again = send(api, cloud("d", data=DATA | {"hold": ours}))
    assert (again.status, again.json["code"]) == (409, "hold_resolved")
    assert verify_usage(funded.pk) == []
    assert balance(funded.pk).held == 0


# Many


def test_each_bad_cloudevent_of_a_batch_is_named_and_the_good_ones_count_once(api: Api, funded: Workspace) -> None:
    answer = send_many(
        api,
        cloud("a"),
        cloud("a"),
        cloud("a", data=DATA | {"usage": {"input_tokens": 1}}),
        cloud("a", source="/other"),
        cloud("b", data=DATA | {"model": "nobody/nothing"}),
        "no event",
        cloud("c", source="not a reference"),
        cloud("d", subject="nobody"),
    )
    assert answer.status == 200
    assert (answer.json["accepted"], answer.json["duplicates"]) == (3, 1)
    assert [(issue["index"], issue["event_id"]) for issue in answer.json["unrated"]] == [(4, "b")]
    assert [
        (issue["index"], issue["event_id"], issue["code"], issue.get("pointer")) for issue in answer.json["rejected"]
    ] == [
        (2, "a", "idempotency_conflict", "/id"),
        (5, None, "invalid_request", None),
        (6, "c", "invalid_request", "/source"),
        (7, "d", "not_found", "/subject"),
    ]
    assert (answer.json["credits"], answer.json["balance"]) == (Decimal("0.144"), Decimal("12403.856"))
    assert "workspaces" not in answer.json
    assert answer.headers["X-Usage-Total-Tokens"] == "6000"  # of what was not refused: a, a, a of /other, b
    assert verify_usage(funded.pk) == []


def test_a_batch_for_several_workspaces_tells_each_once(backend: Api, funded: Workspace) -> None:
    other = Workspace.objects.create(name="Other")
    answer = send_many(
        backend,
        *(cloud("a", source=source, subject=funded.public_id) for source in ("/x", "/y")),
        cloud("a", subject=other.public_id),
        cloud("a"),
    )
    assert (answer.json["accepted"], answer.json["balance"]) == (3, None)
    assert [issue["pointer"] for issue in answer.json["rejected"]] == ["/subject"]
    told = {row["workspace"]: (row["accepted"], row["credits"], row["balance"]) for row in answer.json["workspaces"]}
    assert told == {
        funded.public_id: (2, Decimal("0.144"), Decimal("12403.856")),
        other.public_id: (1, Decimal("0.072"), 0),
    }


def test_a_batch_is_an_array_of_at_most_1000_and_may_be_empty(api: Api) -> None:
    assert send_many(api).json["accepted"] == 0
    assert send_many(api, *(cloud(f"e{index}") for index in range(1000))).json["accepted"] == 1000
    for body in ([cloud()] * 1001, cloud(), {"events": [cloud()]}):
        answer = api.post(EVENTS, body, MANY)
        assert (answer.status, answer.json["code"]) == (400, "invalid_request")


# Transport


def test_other_content_types_are_told_what_is_taken(api: Api) -> None:
    for content_type in ("text/plain", "application/cloudevents", "application/cloudevents+xml", ""):
        answer = api.post(EVENTS, json.dumps(cloud()).encode(), content_type)
        assert (answer.status, answer.json["code"]) == (415, "invalid_request")
        for taken in (ONE, MANY, "application/json"):
            assert taken in answer.json["detail"]
    assert api.post(EVENTS, cloud(), "Application/CloudEvents+JSON; charset=utf-8").status == 201


def test_one_is_limited_like_an_event_and_many_like_a_batch(api: Api) -> None:
    padding = {"extension": "x" * 70_000}
    assert send(api, cloud(**padding)).status == 413
    assert send_many(api, cloud(**padding)).json["accepted"] == 1


def test_in_binary_mode_the_attributes_are_headers(api: Api, funded: Workspace) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "req_8f", "ce-source": "/gateway", "ce-type": "usage"}
    answer = api.post(EVENTS, DATA, **headers)
    assert (answer.status, answer.json["event_id"]) == (201, "req_8f")
    assert send(api, cloud()).headers["Idempotent-Replay"] == "true"
    named = {"ce-id": '"a \\"b\\" %C3%A9%25"', "ce-subject": funded.public_id, "ce-traceparent": "00-1"}
    assert api.post(EVENTS, DATA, **headers | named).json["event_id"] == 'a "b" é%'
    assert place(api.post(EVENTS, DATA, **headers | {"ce-id": "%FF"})) == "/id"
    assert place(api.post(EVENTS, DATA)) == "/specversion"
    assert place(api.post(EVENTS, cloud())) == "/specversion"


# Reading


def test_receipts_and_lists_have_cloudevents(api: Api, customer: Api, funded: Workspace) -> None:
    long = "/" + "x" * 900
    for source in ("/a", "/b", long):
        assert send(api, cloud("same", source=source)).status == 201
    assert send(customer, cloud("same", source="/a", data=DATA | {"usage": {"input_tokens": 7}})).status == 201

    def found(reporter: Api, **query: str) -> tuple[str, int]:
        answer = reporter.get(f"{EVENTS}/same", query)
        assert answer.status == 200
        return answer.json["origin"], answer.json["usage"]["input_tokens"]

    assert found(api)[0].startswith("ce-sha256:service:")  # the latest of the operator's
    assert found(api, source="/a") == ("ce:service:/a", 1200)
    assert found(api, source=long)[0].startswith("ce-sha256:service:")
    assert found(customer) == found(customer, source="/a") == ("ce:workspace:/a", 7)
    assert found(customer, source="/b") == ("ce:service:/b", 1200)
    assert api.get(f"{EVENTS}/same", {"source": "/c"}).status == 404
    api.post("/api/v1/usage", usage_event("same", usage={"input_tokens": 9}))
    assert found(api) == ("service", 9)  # what was no CloudEvent comes first
    assert api.get(f"{EVENTS}/same", {"source": "x\0"}).status == 400
    assert api.get(f"{EVENTS}/same", {"sauce": "/a"}).status == 400
    listed = api.get(EVENTS).json["data"]
    assert len({row["origin"] for row in listed}) == len(listed) == 5


def test_a_receipt_of_a_cloudevent_is_found_by_an_index(api: Api, funded: Workspace) -> None:
    send_many(api, *(cloud(f"e{index}") for index in range(1000)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE metering_usageevent")
    with CaptureQueriesContext(connection) as queries:
        assert receipt(funded.pk, event_id="nothing") is None
    with connection.cursor() as cursor:
        plans = []
        for query in queries.captured_queries:
            cursor.execute("EXPLAIN " + query["sql"])
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
    assert ["usage_event_once" in plans[0], "usage_event_of_other_origin" in plans[1]] == [True, True], plans
    assert not [plan for plan in plans if "Seq Scan on metering_usageevent" in plan]


def test_a_customers_key_that_may_not_record_usage_is_refused(funded: Workspace) -> None:
    answer = send(Api(key_of(funded)), cloud())
    assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")
