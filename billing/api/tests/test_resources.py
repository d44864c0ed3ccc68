"""Resources by HTTP."""

from typing import Any

import pytest

from accounts.models import Project, Workspace
from accounts.scopes import Scope
from billing.api.tests.conftest import Api, key_of
from billing.credits.units import NANO
from billing.ledger.services import credits_adjust
from billing.metering.models import UsageEvent
from billing.plans.models import Resource

URL = "/api/v1/resources"
WEB = {"kind": "container", "quantity": 2, "name": "Web server", "project": "prod"}


def test_made_changed_read_and_deleted(api: Api) -> None:
    made = api.put(f"{URL}/web-1", WEB)
    assert made.status == 201, made.json
    body = dict(made.json)
    created = body.pop("created_at")
    assert body.pop("billed_until") == created[:10]
    assert body == {
        "external_id": "web-1",
        "kind": "container",
        "name": "Web server",
        "project": "prod",
        "quantity": 2,
        "meter": "container_days",
        "state": "running",
        "shutdown_at": None,
        "daily_credits": 268,
        "daily_credits_nano": "268000000000",
        "deleted_at": None,
    }
    assert api.put(f"{URL}/web-1", WEB).json == made.json
    again = api.put(f"{URL}/web-1", WEB | {"quantity": "3.0"})
    assert (again.status, again.json["quantity"]) == (200, 3)
    assert api.get(f"{URL}/web-1").json == again.json
    assert sum(UsageEvent.objects.values_list("amount", flat=True)) == 3 * 134 * NANO
    gone = [api.delete(f"{URL}/web-1") for _ in range(2)]
    assert [(answer.status, answer.json["state"]) for answer in gone] == [(200, "deleted")] * 2
    assert gone[0].json == gone[1].json == api.get(f"{URL}/web-1").json
    assert api.put(f"{URL}/web-1", {"kind": "storage"}).status == 201  # another life


def test_the_list_tells_what_runs_and_pages_through_it(api: Api) -> None:
    for name in ("a", "b/b", "c"):
        assert api.put(f"{URL}/{name}", {"kind": "container"}).status == 201
    api.put(f"{URL}/release", {"kind": "deployment"})
    api.delete(f"{URL}/c")
    first = api.get(URL, {"limit": 2}).json
    assert [each["external_id"] for each in first["data"]] == ["release", "b/b"]
    rest = api.get(URL, {"limit": 2, "cursor": first["next_cursor"]}).json
    assert ([each["external_id"] for each in rest["data"]], rest["next_cursor"]) == (["a"], None)
    assert first["running"] | {"lasts_until": None} == {
        "state": "running",
        "daily_credits": 268,
        "daily_credits_nano": "268000000000",
        "lasts_until": None,
        "warned_at": None,
        "shutdown_at": None,
        "stopping_at": None,
    }
    assert first["running"]["lasts_until"] is not None
    names = {state: [each["external_id"] for each in api.get(URL, {"state": state}).json["data"]] for state in STATES}
    assert names == {"running": ["b/b", "a"], "warned": [], "stopping": [], "done": ["release"], "deleted": ["c"]}


STATES = ("running", "warned", "stopping", "done", "deleted")


def test_a_balance_that_covers_too_little_is_told(api: Api, funded: Workspace) -> None:
    credits_adjust(workspace_id=funded.pk, key="gone", amount=-12_300 * NANO, reason="spent", actor="test")
    made = api.put(f"{URL}/web-1", {"kind": "container"}).json
    assert made["state"] == "warned"
    running = api.get(URL, {"state": "warned"}).json
    assert running["running"]["shutdown_at"] == made["shutdown_at"] == running["data"][0]["shutdown_at"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/kind"),
        ({"kind": "server"}, "/kind"),
        ({"kind": "container", "quantity": 0}, "/quantity"),
        ({"kind": "container", "quantity": -1}, "/quantity"),
        ({"kind": "container", "quantity": True}, "/quantity"),
        ({"kind": "container", "quantity": None}, "/quantity"),
        ({"kind": "container", "name": None}, "/name"),
        ({"kind": "container", "name": "\0"}, "/name"),
        ({"kind": "container", "project": "x" * 121}, "/project"),
        ({"kind": "container", "typo": 1}, "/typo"),
    ],
)
def test_malformed_bodies_change_nothing(api: Api, body: dict[str, Any], pointer: str) -> None:
    answer = api.put(f"{URL}/web-1", body)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["errors"][0]["pointer"] == pointer
    assert not Resource.objects.exists()


@pytest.mark.parametrize("name", ["%20a", "a%00", "x" * 121, "%0A"])
def test_ids_that_cannot_be_one(api: Api, name: str) -> None:
    assert api.put(f"{URL}/{name}", WEB).status == 400
    assert api.get(f"{URL}/{name}").status == api.delete(f"{URL}/{name}").status == 404


def test_conflicts_and_charges_that_do_not_fit(api: Api) -> None:
    api.put(f"{URL}/release", {"kind": "deployment"})
    for change, pointer in (({"kind": "container"}, "/kind"), ({"kind": "deployment", "quantity": 2}, "/quantity")):
        answer = api.put(f"{URL}/release", change)
        assert (answer.status, answer.json["code"]) == (409, "idempotency_conflict")
        assert answer.json["errors"][0]["pointer"] == pointer
    answer = api.put(f"{URL}/huge", WEB | {"quantity": 10**12})
    assert (answer.status, answer.json["code"]) == (422, "amount_out_of_range")
    assert Resource.objects.count() == UsageEvent.objects.count() == 1


def test_who_may(api: Api, customer: Api, funded: Workspace) -> None:
    assert customer.put(f"{URL}/web-1", WEB).status == 201
    assert api.put(f"{URL}/web-1", WEB).status == 200  # one and the same
    reader = Api(key_of(funded, Scope.USAGE_READ))
    assert reader.get(URL).status == 200
    assert reader.put(f"{URL}/web-1", WEB).status == reader.delete(f"{URL}/web-1").status == 403
    other = Workspace.objects.create(name="Other", usage_write_allowed=True)
    stranger = Api(key_of(other))
    assert stranger.get(f"{URL}/web-1").status == stranger.delete(f"{URL}/web-1").status == 404
    assert Api(api.key).get(URL).status == 400  # a service key names the workspace
    funded.usage_write_allowed = False
    funded.save()
    assert customer.put(f"{URL}/web-2", WEB).status == 403


def test_the_project_of_a_key_wins(funded: Workspace) -> None:
    funded.usage_write_allowed = True
    funded.save()
    project = Project.objects.create(workspace=funded, slug="edge", name="Edge")
    bound = Api(key_of(funded, project=project))
    assert bound.put(f"{URL}/web-1", WEB).json["project"] == "edge"
    assert UsageEvent.objects.get().project == project
