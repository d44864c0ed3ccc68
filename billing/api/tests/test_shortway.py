"""The short way answers as the usual way does, and a key that has changed writes nothing."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import ApiKey, Workspace
from accounts.scopes import Scope
from accounts.services.keys import api_key_revoke
from billing.api import holding, shortway
from billing.api.tests.conftest import Answer, Api, key_of, usage_event
from billing.credits.units import NANO
from billing.ledger.models import Hold, Transfer
from billing.ledger.services import credits_grant
from billing.metering.models import UsageEvent

USAGE, AUTHORIZE, SETTLE = "/api/v1/usage", "/api/v1/usage/authorize", "/api/v1/usage/holds/{hold}/settle"
ASKED = {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 1200}, "max_output_tokens": 400}
OFTEN = {"X-RateLimit-Remaining", "X-RateLimit-Reset"}  # tell of the minute, not of the request


def used(plain: str) -> str:
    """A key whose use was noted a moment ago: the next request need not do that."""
    ApiKey.objects.filter(prefix=plain.rpartition("_")[0][:12]).update(last_used_at=timezone.now())
    return plain


@pytest.fixture
def key(db: None) -> str:
    return used(key_of(None))


@pytest.fixture
def short(key: str, funded: Workspace) -> Api:
    return Api(key, **{"Purser-Workspace": funded.public_id})


@pytest.fixture
def usual(key: str, make_workspace: Callable[[], Workspace], prices: None) -> Api:
    """The same for a workspace of the same means."""
    other = make_workspace()
    credits_grant(workspace_id=other.pk, key="opening", amount=12_404 * NANO, label="Opening credits")
    return Api(key, served=False, **{"Purser-Workspace": other.public_id})


@pytest.fixture
def make_workspace(db: None) -> Callable[[], Workspace]:
    return lambda: Workspace.objects.create(name="Another")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each request, whether the short way answered it."""
    answers: list[bool] = []
    answer = shortway.answer

    def kept(environ: dict[str, Any]) -> Any:
        response = answer(environ)
        answers.append(response is not None)
        return response

    monkeypatch.setattr(shortway, "answer", kept)
    return answers


Step = Callable[[Api], Answer]


def post(path: str, body: Any, **options: Any) -> Step:
    return lambda api: api.post(path, body, **options)


def twice(step: Step) -> Step:
    return lambda api: (step(api), step(api))[1]


def reused(api: Api) -> Answer:
    api.post(USAGE, usage_event("same"))
    return api.post(USAGE, usage_event("same", usage={"input_tokens": 7}))


def settled(api: Api) -> Answer:
    hold = api.post(AUTHORIZE, ASKED).json["hold"]
    return api.post(SETTLE.format(hold=hold), {"usage": {"input_tokens": 1200, "output_tokens": 90}, "end_user": "u"})


def settled_again(api: Api) -> Answer:
    hold = api.post(AUTHORIZE, ASKED).json["hold"]
    api.post(SETTLE.format(hold=hold), {"usage": {"input_tokens": 1200}, "event_id": "first"})
    return api.post(SETTLE.format(hold=hold), {"usage": {"input_tokens": 1200}, "event_id": "second"})


WHO = {"agent": "a", "app": "b", "task": "c"}
HARD = {"input_tokens": "1.5", "output_tokens": 3, "audio_seconds": 0}
ALIKE: dict[str, Step] = {
    "recorded": post(USAGE, usage_event()),
    "recorded, everything named": post(
        USAGE,
        usage_event(end_user="ü", project="p", metadata={"n": 1.25}, variant={"tier": "x"}, **WHO),
    ),
    "an odd quantity": post(USAGE, usage_event(usage=HARD)),
    "unrated": post(USAGE, usage_event(model="nobody/knows")),
    "replayed": twice(post(USAGE, usage_event())),
    "reused": reused,
    "unknown field": post(USAGE, usage_event(colour="red")),
    "no usage": post(USAGE, usage_event(usage={})),
    "negative": post(USAGE, usage_event(usage={"input_tokens": -1})),
    "not a number": post(USAGE, b'{"event_id": "e", "usage": {"input_tokens": NaN}}'),
    "no JSON": post(USAGE, b"{"),
    "no UTF-8": post(USAGE, b"\xff"),
    "no object": post(USAGE, b"[]"),
    "empty": post(USAGE, b""),
    "too large": post(USAGE, b" " * 70_000),
    "another type": post(USAGE, b"{}", content_type="text/plain"),
    "unknown parameter": post(f"{USAGE}?x=1", usage_event()),
    "unknown workspace": post(USAGE, usage_event(), **{"Purser-Workspace": "ws_nobody"}),
    "no workspace": post(USAGE, usage_event(), **{"Purser-Workspace": ""}),
    "authorised": post(AUTHORIZE, ASKED),
    "authorised by name": post(AUTHORIZE, ASKED, **{"Idempotency-Key": "one"}),
    "authorised again": twice(post(AUTHORIZE, ASKED, **{"Idempotency-Key": "one"})),
    "a bad name": post(AUTHORIZE, ASKED, **{"Idempotency-Key": "\t"}),
    "too dear": post(AUTHORIZE, ASKED | {"usage": {"input_tokens": 10**12}}),
    "no such model": post(AUTHORIZE, ASKED | {"model": "nobody/knows"}),
    "settled": settled,
    "settled before": settled_again,
    "no such hold": post(SETTLE.format(hold="hold_999999"), {"usage": {"input_tokens": 1}}),
    "no hold at all": post(SETTLE.format(hold="x"), {"usage": {"input_tokens": 1}}),
}


def told(answer: Answer) -> dict[str, Any]:
    """Without what differs from hold to hold and from second to second."""
    body = answer.json if isinstance(answer.json, dict) else {}
    ours = {name: value for name, value in body.items() if name not in ("hold", "expires_at")}
    if "hold" in body:
        ours["event_id"] = str(ours.get("event_id", "")).replace(body["hold"], "hold")
    headers = {name: value for name, value in answer.headers.items() if name not in OFTEN | {"Content-Length"}}
    return {"status": answer.status, "headers": headers, "body": ours, "length": answer.headers["Content-Length"]}


@pytest.mark.parametrize("name", ALIKE)
def test_both_ways_answer_alike(name: str, short: Api, usual: Api, taken: list[bool]) -> None:
    quick = told(ALIKE[name](short))
    assert taken[-1], "the short way did not answer"
    slow = told(ALIKE[name](usual))
    lengths = quick.pop("length"), slow.pop("length")
    assert quick == slow
    assert ALIKE[name](short).headers.keys() >= OFTEN
    assert "hold" in str(quick["body"]) or lengths[0] == lengths[1]


@pytest.mark.parametrize(("method", "path"), [("get", USAGE), ("get", AUTHORIZE), ("put", USAGE), ("options", USAGE)])
def test_other_methods_go_the_usual_way(short: Api, taken: list[bool], method: str, path: str) -> None:
    answer = getattr(short.client, method)(path, headers=short.headers)
    assert taken == [False]
    assert answer.status_code in (204, 405)


def test_a_key_that_is_used_for_the_first_time_in_a_minute_goes_the_usual_way(
    short: Api, key: str, taken: list[bool]
) -> None:
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    assert [short.post(USAGE, usage_event(name)).status for name in "ab"] == [201, 201]
    assert taken == [False, True]
    assert ApiKey.objects.get().last_used_at > timezone.now() - timedelta(minutes=1)  # type: ignore[operator]


def revoked() -> None:
    api_key_revoke(key=ApiKey.objects.get(), by=None)


def over() -> None:
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def readonly() -> None:
    ApiKey.objects.update(scopes=[Scope.USAGE_READ])


CHANGES = [(revoked, 401), (over, 401), (readonly, 403)]
BODIES = [(USAGE, usage_event("late")), (AUTHORIZE, ASKED), (USAGE, {"event_id": "bad"})]


@pytest.mark.parametrize(("path", "body"), BODIES)
@pytest.mark.parametrize(("change", "status"), CHANGES)
def test_a_key_that_has_changed_writes_nothing_from_that_moment(
    short: Api, taken: list[bool], change: Callable[[], None], status: int, path: str, body: dict[str, Any]
) -> None:
    assert short.post(USAGE, usage_event("before")).status == 201
    assert taken == [True]
    before = Transfer.objects.count()
    with transaction.atomic():  # every change is a transaction of its own, here a part of the test's
        change()
    assert short.post(path, body).status == status
    assert taken == [True, False]
    assert (Transfer.objects.count(), Hold.objects.count(), UsageEvent.objects.count()) == (before, 0, 1)


BIG = json.dumps(ASKED | {"task": "x" * 3_000_000}).encode()  # more than Django's own reader takes
REFUSED_EARLY = [
    ({"Purser-Workspace": "ws_unknown"}, BIG, 404),  # nothing of the body was read
    ({"Content-Type": "text/plain"}, b"x", 415),
    ({}, BIG * 2, 413),
]


@pytest.mark.parametrize(("headers", "body", "status"), REFUSED_EARLY)
def test_what_is_refused_before_its_body_was_read_is_refused_with_a_changed_key_too(
    short: Api, headers: dict[str, str], body: bytes, status: int
) -> None:
    short.client.raise_request_exception = False
    assert short.post(AUTHORIZE, ASKED).status == 201
    with transaction.atomic():
        ApiKey.objects.update(name="renamed meanwhile")
    kind = headers.get("Content-Type", "application/json")
    answer = short.post(AUTHORIZE, body, content_type=kind, **headers)
    assert (answer.status, answer.kind) == (status, "application/problem+json")
    assert Hold.objects.count() == 1


def test_a_body_that_broke_off_is_refused_with_a_changed_key_too(short: Api) -> None:
    assert short.post(AUTHORIZE, ASKED).status == 201
    with transaction.atomic():
        ApiKey.objects.update(name="renamed meanwhile")
    environ = short.client._base_environ(
        REQUEST_METHOD="POST",
        PATH_INFO=AUTHORIZE,
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH="500",
        HTTP_AUTHORIZATION=short.headers["Authorization"],
        HTTP_PURSER_WORKSPACE=short.headers["Purser-Workspace"],
    )
    response = shortway.answer(environ | {"wsgi.input": BytesIO(b'{"model":')})
    assert response is not None
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    assert b"ends before its Content-Length" in response.content
    assert Hold.objects.count() == 1


def test_a_hold_is_not_settled_by_a_key_that_was_revoked(short: Api) -> None:
    hold = short.post(AUTHORIZE, ASKED).json["hold"]
    revoked()
    assert short.post(SETTLE.format(hold=hold), {"usage": {"input_tokens": 5}}).status == 401
    assert Hold.objects.get().open_until is not None


def test_what_fails_after_it_was_committed_is_not_done_again_the_usual_way(
    short: Api, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert short.post(AUTHORIZE, ASKED).status == 201

    def fails(_found: object) -> dict[str, Any]:
        with transaction.atomic():
            ApiKey.objects.update(rate_limit=7)  # at the same moment
        raise ZeroDivisionError

    monkeypatch.setattr(holding, "authorization", fails)
    short.client.raise_request_exception = False
    assert short.post(AUTHORIZE, ASKED).status == 500
    assert taken == [True, True]
    assert Hold.objects.count() == 2


def test_a_workspaces_key_ends_with_the_operators_permission(funded: Workspace, taken: list[bool]) -> None:
    Workspace.objects.update(usage_write_allowed=True)
    own = Api(used(key_of(funded)))
    assert own.post(USAGE, usage_event("a")).status == 201
    with transaction.atomic():
        Workspace.objects.update(usage_write_allowed=False)
    assert own.post(USAGE, usage_event("b")).status == 403
    assert taken == [True, False]
    assert UsageEvent.objects.count() == 1


def test_a_changed_limit_counts_from_the_next_request(short: Api) -> None:
    first = short.post(USAGE, usage_event("a"))
    with transaction.atomic():
        ApiKey.objects.update(rate_limit=7)
    second = short.post(USAGE, usage_event("b"))
    assert (first.headers["X-RateLimit-Limit"], second.headers["X-RateLimit-Limit"]) == ("600000", "7")


@pytest.mark.django_db(transaction=True)
def test_a_revocation_that_comes_while_a_request_waits_for_the_wallet_still_counts(short: Api, key: str) -> None:
    """The wallet is locked by somebody else; the key was read before, and is revoked before the lock is granted."""
    assert short.post(USAGE, usage_event("before")).status == 201
    found: list[int] = []

    def late() -> None:
        try:
            found.append(Api(key, **short.headers).post(USAGE, usage_event("waits")).status)
        finally:
            connection.close()

    waiting = threading.Thread(target=late)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM ledger_wallet FOR UPDATE")
        waiting.start()
        while waiting.is_alive() and not _somebody_waits():
            pass
        ApiKey.objects.update(revoked_at=timezone.now())
    waiting.join()
    assert found == [401]
    assert UsageEvent.objects.count() == 1


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_the_entry_point_serves_both_ways(short: Api, key: str, funded: Workspace) -> None:
    from portal.wsgi import application

    def send(event_id: str) -> tuple[str, dict[str, str], dict[str, Any]]:
        body = json.dumps(usage_event(event_id)).encode()
        told: list[Any] = []
        environ = short.client._base_environ(
            REQUEST_METHOD="POST",
            PATH_INFO=USAGE,
            CONTENT_TYPE="application/json",
            CONTENT_LENGTH=str(len(body)),
            HTTP_AUTHORIZATION=f"Bearer {key}",
            HTTP_PURSER_WORKSPACE=funded.public_id,
        ) | {"wsgi.input": BytesIO(body)}
        content = b"".join(application(environ, lambda status, headers: told.extend([status, dict(headers)])))
        return told[0], told[1], json.loads(content)

    status, headers, recorded = send("one")
    assert (status, headers["Content-Type"], recorded["event_id"]) == ("201 Created", "application/json", "one")
    ApiKey.objects.update(rate_limit=9)  # the body must survive the change of way
    status, headers, recorded = send("two")
    assert (status, headers["X-RateLimit-Limit"], recorded["event_id"]) == ("201 Created", "9", "two")
    assert UsageEvent.objects.count() == 2
