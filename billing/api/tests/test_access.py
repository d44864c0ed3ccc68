from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiKey, Workspace
from accounts.scopes import Scope
from accounts.services.keys import api_key_revoke
from billing.api.calls import METERED_HEADERS
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.metering.models import UsageEvent

USAGE = "/api/v1/usage"
READS = [
    ("/api/v1/usage/events", Scope.USAGE_READ),
    ("/api/v1/usage/breakdown?by=model", Scope.USAGE_READ),
    ("/api/v1/pricing/models", Scope.USAGE_READ),
    ("/api/v1/pricing/models/openai/gpt-4o", Scope.USAGE_READ),
    ("/api/v1/credits/summary", Scope.BILLING_READ),
    ("/api/v1/credits/lots", Scope.BILLING_READ),
    ("/api/v1/credits/ledger", Scope.BILLING_READ),
]


@pytest.mark.parametrize("key", ["", "nonsense", "pws_abcdefgh_" + "x" * 40])
def test_without_a_valid_key_nothing_is_said(db: None, key: str) -> None:
    for path, _ in READS:
        answer = Api(key).get(path)
        assert answer.status == 401
        assert answer.json["code"] == "invalid_api_key"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert all(name in answer.headers for name in METERED_HEADERS)


def test_a_revoked_or_expired_key_ends_at_once(funded: Workspace) -> None:
    plain = key_of(funded, expires_at=timezone.now() + timedelta(days=1))
    assert Api(plain).get("/api/v1/credits/lots").status == 200
    ApiKey.objects.update(expires_at=timezone.now())
    assert Api(plain).get("/api/v1/credits/lots").status == 401
    ApiKey.objects.update(expires_at=None)
    assert Api(plain).get("/api/v1/credits/lots").status == 200
    api_key_revoke(key=ApiKey.objects.get(), by=None)
    assert Api(plain).get("/api/v1/credits/lots").status == 401


@pytest.mark.parametrize(("path", "scope"), READS)
def test_every_read_needs_its_scope(funded: Workspace, path: str, scope: Scope) -> None:
    assert Api(key_of(funded, scope)).get(path).status == 200
    other = Scope.BILLING_READ if scope == Scope.USAGE_READ else Scope.USAGE_READ
    refused = Api(key_of(funded, other)).get(path)
    assert refused.status == 403
    assert refused.json["code"] == "insufficient_scope"
    assert scope in refused.json["detail"]


def test_recording_needs_the_scope_and_the_operators_permission(funded: Workspace) -> None:
    reader = Api(key_of(funded, Scope.USAGE_READ)).post(USAGE, usage_event())
    assert reader.status == 403
    # A key that has the scope, of a workspace from which the permission was taken back.
    writer = Api(key_of(funded, Scope.USAGE_WRITE))
    assert writer.post(USAGE, usage_event()).status == 403
    assert writer.post(f"{USAGE}/batch", {"events": [usage_event()]}).status == 403
    Workspace.objects.update(usage_write_allowed=True)
    assert writer.post(USAGE, usage_event()).status == 201


def test_a_service_key_names_the_workspace_by_either_id(funded: Workspace) -> None:
    Workspace.objects.update(external_id="crm-17")
    key = key_of(None)
    for name in (funded.public_id, "crm-17"):
        assert Api(key, **{"Purser-Workspace": name}).get("/api/v1/credits/summary").status == 200
    unknown = Api(key, **{"Purser-Workspace": "ws_nobody"}).get("/api/v1/credits/summary")
    assert (unknown.status, unknown.json["code"]) == (404, "not_found")
    missing = Api(key).get("/api/v1/credits/summary")
    assert (missing.status, missing.json["code"]) == (400, "invalid_request")
    assert missing.json["errors"][0]["parameter"] == "Purser-Workspace"


def test_an_external_id_may_have_any_letters(db: None) -> None:
    Workspace.objects.create(name="Müller", external_id="müller-17")
    key = key_of(None)
    for header in ("müller-17".encode().decode("latin-1"), "müller-17"):
        assert Api(key, **{"Purser-Workspace": header}).get("/api/v1/credits/lots").status == 200


def test_a_new_workspace_is_found_at_once(db: None) -> None:
    service = Api(key_of(None), **{"Purser-Workspace": "crm-18"})
    assert service.get("/api/v1/credits/lots").status == 404
    Workspace.objects.create(name="Late", external_id="crm-18")
    assert service.get("/api/v1/credits/lots").status == 200


def test_an_external_id_that_moves_to_another_customer_bills_that_one_at_once(funded: Workspace) -> None:
    Workspace.objects.update(external_id="crm-17")
    service, named = Api(key_of(None)), {"Purser-Workspace": "crm-17"}
    assert service.post(USAGE, usage_event("before"), **named).status == 201
    assert service.post(f"{USAGE}/batch", {"events": [usage_event("b") | {"workspace": "crm-17"}]}).status == 200
    Workspace.objects.update(external_id=None)
    assert service.get("/api/v1/credits/lots", **named).status == 404
    heir = Workspace.objects.create(name="Heir", external_id="crm-17")
    assert service.post(USAGE, usage_event("after"), **named).status == 201
    assert service.post(f"{USAGE}/batch", {"events": [usage_event("c") | {"workspace": "crm-17"}]}).status == 200
    owners = dict(UsageEvent.objects.values_list("event_id", "workspace"))
    assert owners == {"before": funded.pk, "b": funded.pk, "after": heir.pk, "c": heir.pk}


def test_a_workspaces_own_id_wins_over_the_same_external_id(funded: Workspace) -> None:
    Workspace.objects.create(name="Impostor", external_id=funded.public_id)
    service = Api(key_of(None), **{"Purser-Workspace": funded.public_id})
    for _ in range(2):
        assert service.get("/api/v1/credits/summary").json["balance"] == 12_404


@pytest.mark.parametrize("name", [7, ["crm-17"], {"id": "crm-17"}, True, "", "x" * 121])
def test_an_event_that_names_no_possible_workspace_is_rejected_alone(funded: Workspace, name: object) -> None:
    events = [usage_event("odd") | {"workspace": name}, usage_event("good") | {"workspace": funded.public_id}]
    answer = Api(key_of(None)).post(f"{USAGE}/batch", {"events": events})
    assert (answer.status, answer.json["accepted"]) == (200, 1)
    assert [(issue["event_id"], issue["code"]) for issue in answer.json["rejected"]] == [("odd", "not_found")]


def test_a_workspace_key_cannot_reach_another_workspace(funded: Workspace) -> None:
    other = Workspace.objects.create(name="Other")
    answer = Api(key_of(funded), **{"Purser-Workspace": other.public_id}).get("/api/v1/credits/summary")
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    own = Api(key_of(funded), **{"Purser-Workspace": funded.public_id}).get("/api/v1/credits/summary")
    assert own.status == 200


def test_the_key_remembers_its_last_use(funded: Workspace) -> None:
    plain = key_of(funded)
    Api(plain).get("/api/v1/credits/lots")
    assert ApiKey.objects.get().last_used_at is not None


def test_an_unknown_query_parameter_is_named(funded: Workspace) -> None:
    answer = Api(key_of(funded)).get("/api/v1/usage/events", {"form": "2026-01-01"})
    assert answer.status == 400
    assert answer.json["errors"] == [{"parameter": "form", "detail": "There is no parameter 'form' here."}]
