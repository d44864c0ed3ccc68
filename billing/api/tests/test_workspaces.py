"""Customers made and read by the operator's backend."""

import threading
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection

from accounts.models import ApiKey, Membership, User, Workspace
from accounts.scopes import Scope
from accounts.selectors.keys import api_key_authenticate
from billing.api.tests.conftest import Answer, Api, key_of
from billing.foundation.audit.models import AuditEntry
from billing.foundation.outbox.models import OutboxMessage
from billing.plans.models import Provision

URL = "/api/v1/workspaces"
ACME = {"name": "Acme", "external_id": "crm-17", "owner_email": "Ann@Example.com", "plan": "pro"}


@pytest.fixture
def operator(db: None) -> Api:
    return Api(key_of(None))


def made(operator: Api, body: dict[str, Any] | None = None, **changes: Any) -> Answer:
    answer = operator.post(URL, (body or ACME) | changes)
    assert answer.status == 201, answer.json
    return answer


def test_a_workspace_with_owner_plan_and_first_key(operator: Api) -> None:
    answer = made(operator)
    workspace = Workspace.objects.get()
    body = answer.json
    key = api_key_authenticate(body["api_key"].pop("key"))
    assert key is not None
    assert body.pop("api_key") == {
        "prefix": key.prefix,
        "name": "First key",
        "scopes": ["usage:read", "billing:read", "billing:write"],
        "note": "Keep it: it is shown only now.",
    }
    assert body.pop("created_at").startswith(f"{workspace.created_at:%Y-%m-%dT%H:%M}")
    assert body == {
        "id": workspace.public_id,
        "external_id": "crm-17",
        "name": "Acme",
        "plan": "pro",
        "time_zone": "UTC",
        "usage_write_allowed": False,
        "owner": {"email": "ann@example.com", "name": ""},
    }
    assert key.workspace == workspace
    assert "Idempotent-Replay" not in answer.headers
    assert workspace.memberships.get().role == "owner"
    assert Api(operator.key, **{"Purser-Workspace": "crm-17"}).get("/api/v1/credits/summary").status == 200


def test_a_new_owner_gets_an_account_without_password_and_no_mail(operator: Api) -> None:
    made(operator)
    owner = User.objects.get()
    assert not owner.has_usable_password()
    assert not EmailAddress.objects.get(user=owner).verified
    assert mail.outbox == []
    assert not OutboxMessage.objects.exists()


def test_who_has_an_account_becomes_the_owner_by_any_proven_address(operator: Api, alice: User) -> None:
    EmailAddress.objects.create(user=alice, email="alice@work.example", verified=True)
    assert made(operator, owner_email="ALICE@work.example").json["owner"]["email"] == "alice@example.com"
    alice.refresh_from_db()
    assert alice.check_password("correct horse 1")
    assert alice.memberships.get().role == "owner"


def test_a_password_chosen_for_an_address_that_nobody_proved_is_taken_off(operator: Api, alice: User) -> None:
    EmailAddress.objects.filter(user=alice).update(verified=False)
    made(operator, owner_email="alice@example.com")
    alice.refresh_from_db()
    assert not alice.has_usable_password()


def test_a_customers_keys_may_record_usage_only_where_the_operator_says_so(operator: Api) -> None:
    answer = made(operator, usage_write_allowed=True, time_zone="Europe/Berlin")
    assert answer.json["api_key"]["scopes"] == ["usage:read", "usage:write", "billing:read", "billing:write"]
    workspace = Workspace.objects.get()
    assert (workspace.usage_write_allowed, workspace.time_zone) == (True, "Europe/Berlin")


def test_the_same_again_is_the_same_without_the_key(operator: Api) -> None:
    first = made(operator)
    # Other keys of the operator, spelled-out defaults and another case of the address are the same request.
    again = made(Api(key_of(None)), usage_write_allowed=False, time_zone="UTC", owner_email="ann@example.com")
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.json["api_key"]["key"] is None
    assert "shown in the first answer only" in again.json["api_key"]["note"]
    for body in (first.json, again.json):
        body["api_key"] |= {"key": "", "note": ""}
    assert again.json == first.json
    assert (Workspace.objects.count(), ApiKey.objects.filter(workspace__isnull=False).count()) == (1, 1)
    assert first.json["api_key"]["prefix"] in str(Provision.objects.get().result)


def test_the_first_answer_comes_back_whatever_changed_since(operator: Api) -> None:
    made(operator)
    Workspace.objects.update(name="Renamed")
    assert made(operator).json["name"] == "Acme"
    assert operator.get(f"{URL}/crm-17").json["name"] == "Renamed"


@pytest.mark.parametrize(
    "change",
    [{"name": "Acme Inc"}, {"owner_email": "bea@example.com"}, {"plan": "free"}, {"usage_write_allowed": True}],
)
def test_the_same_external_id_with_another_body_is_a_conflict(operator: Api, change: dict[str, Any]) -> None:
    first = made(operator)
    answer = operator.post(URL, ACME | change)
    assert (answer.status, answer.json["code"]) == (409, "idempotency_conflict")
    assert first.json["id"] in answer.json["detail"]
    assert Workspace.objects.count() == 1
    assert not User.objects.filter(email="bea@example.com").exists()


def test_an_external_id_of_a_workspace_made_in_the_portal_is_a_conflict(operator: Api, workspace: Workspace) -> None:
    Workspace.objects.update(external_id="crm-17")
    answer = operator.post(URL, ACME)
    assert (answer.status, answer.json["code"]) == (409, "idempotency_conflict")


def test_without_an_external_id_the_header_makes_a_repeat_the_same(operator: Api) -> None:
    body = {"name": "Acme", "owner_email": "ann@example.com"}
    refused = operator.post(URL, body)
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (400, "/external_id")
    named = {"Idempotency-Key": "signup-4711"}
    first, again = (operator.post(URL, body, **named) for _ in range(2))
    assert first.json["id"] == again.json["id"]
    assert first.json["plan"] == "free"
    assert (first.json["external_id"], again.headers["Idempotent-Replay"]) == (None, "true")
    other = operator.post(URL, body | {"name": "Other"}, **named)
    assert (other.status, other.json["code"]) == (409, "idempotency_conflict")
    assert operator.post(URL, body, **{"Idempotency-Key": "signup-4712"}).json["id"] != first.json["id"]
    assert Workspace.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": " "}, "/name"),
        ({"name": "x" * 121}, "/name"),
        ({"name": 7}, "/name"),
        ({"name": "a\0b"}, "/name"),
        ({"name": "\ud800"}, "/name"),
        ({"external_id": ""}, "/external_id"),
        ({"external_id": " crm"}, "/external_id"),
        ({"external_id": "a\nb"}, "/external_id"),
        ({"owner_email": "ann"}, "/owner_email"),
        ({"owner_email": f"{'a' * 250}@example.com"}, "/owner_email"),
        ({"owner_email": None}, "/owner_email"),
        ({"plan": "platinum"}, "/plan"),
        ({"time_zone": "Mars/Base"}, "/time_zone"),
        ({"usage_write_allowed": 1}, "/usage_write_allowed"),
        ({"credits": 5}, "/credits"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(operator: Api, change: dict[str, Any], pointer: str) -> None:
    answer = operator.post(URL, ACME | change)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["errors"][0]["pointer"] == pointer
    assert not Workspace.objects.exists()
    assert not User.objects.exists()


def test_a_closed_account_is_not_made_an_owner(operator: Api, alice: User) -> None:
    User.objects.update(is_active=False)
    answer = operator.post(URL, ACME | {"owner_email": "alice@example.com"})
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, "/owner_email")


def test_the_audit_names_the_key_that_asked(operator: Api) -> None:
    made(operator)
    entries = AuditEntry.objects.filter(action__in=["workspace.created", "api_key.created"], workspace__name="Acme")
    prefix = ApiKey.objects.get(kind="service").prefix
    assert [entry.actor_label for entry in entries] == [f"service key {prefix}…"] * 2


def test_lists_go_page_by_page_newest_first(operator: Api, workspace: Workspace) -> None:
    for n in range(4):
        made(operator, external_id=f"crm-{n}")
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        answer = operator.get(URL, query).json
        assert len(answer["data"]) <= 2
        seen += [row["external_id"] for row in answer["data"]]
        if answer["next_cursor"] is None:
            break
        query["cursor"] = answer["next_cursor"]
    assert seen == ["crm-3", "crm-2", "crm-1", "crm-0", None]
    assert operator.get(URL, {"cursor": "nonsense"}).status == 400


def test_a_page_asks_the_database_as_often_however_many_it_shows(operator: Api) -> None:
    from django.test.utils import CaptureQueriesContext

    counts = []
    for n in range(6):
        made(operator, external_id=f"crm-{n}")
        with CaptureQueriesContext(connection) as queries:
            operator.get(URL)
        counts.append(len(queries))
    assert counts[1] == counts[-1]


def test_one_workspace_by_either_id(operator: Api, workspace: Workspace, alice: User) -> None:
    Workspace.objects.update(external_id="eu/crm 17")
    for name in (workspace.public_id, "eu/crm%2017"):
        answer = operator.get(f"{URL}/{name}")
        assert (answer.status, answer.json["id"]) == (200, workspace.public_id)
        assert answer.json["owner"] == {"email": "alice@example.com", "name": "Alice Adams"}
        assert answer.json["plan"] is None
    Membership.objects.all().delete()
    assert operator.get(f"{URL}/{workspace.public_id}").json["owner"] is None
    for name in ("ws_nobody", "x" * 200, "%00"):
        assert operator.get(f"{URL}/{name}").status == 404


ROUTES = [
    ("post", URL, Scope.WORKSPACES_WRITE),
    ("get", URL, Scope.WORKSPACES_READ),
    ("get", f"{URL}/crm-17", Scope.WORKSPACES_READ),
    ("post", f"{URL}/crm-17/grants", Scope.WORKSPACES_WRITE),
    ("post", f"{URL}/crm-17/portal-session", Scope.WORKSPACES_WRITE),
]


@pytest.mark.parametrize(("method", "url", "scope"), ROUTES)
def test_only_service_keys_with_the_scope_get_in(funded: Workspace, method: str, url: str, scope: Scope) -> None:
    Workspace.objects.update(external_id="crm-17")

    def ask(key: str) -> Answer:
        api = Api(key)
        return api.get(url) if method == "get" else api.post(url, ACME | {"external_id": "new"})

    others = [one for one in Scope if one != scope]
    for key in (key_of(funded), key_of(None, *others)):
        answer = ask(key)
        assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")
        assert scope in answer.json["detail"]
    assert ask(key_of(None, scope)).status in (200, 201, 400)  # 400: not the body of that route
    assert ask("").status == 401


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("body", [ACME, {"name": "Acme", "owner_email": "ann@example.com"}])
def test_many_at_the_same_moment_make_one(transactional_db: None, body: dict[str, Any]) -> None:
    key = key_of(None)
    answers: list[Answer] = []
    start = threading.Barrier(6)

    def ask() -> None:
        start.wait()
        answers.append(Api(key).post(URL, body, **{"Idempotency-Key": "signup-1"}))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [201] * 6, [answer.json for answer in answers]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert sum(answer.json["api_key"]["key"] is not None for answer in answers) == 1
    assert (Workspace.objects.count(), User.objects.count(), ApiKey.objects.count()) == (1, 1, 2)


@pytest.mark.django_db(transaction=True)
def test_one_person_may_get_several_workspaces_at_the_same_moment(transactional_db: None) -> None:
    key = key_of(None)
    answers: list[Answer] = []
    start = threading.Barrier(6)

    def ask(n: int) -> None:
        start.wait()
        answers.append(Api(key).post(URL, ACME | {"external_id": f"crm-{n}"}))
        connection.close()

    threads = [threading.Thread(target=ask, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [201] * 6, [answer.json for answer in answers]
    assert (Workspace.objects.count(), User.objects.count()) == (6, 1)
