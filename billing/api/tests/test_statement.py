import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest

from accounts.models import Workspace
from accounts.scopes import Scope
from billing.api.tests.conftest import Answer, Api, key_of, usage_event
from billing.api.tests.test_openapi import check
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.services import credits_adjust, credits_grant

URL = "/api/v1/credits/statement"


@pytest.fixture
def used(api: Api, funded: Workspace) -> Api:
    """12,404 granted, 0.072 used, half a credit taken away, 5 bought."""
    api.post("/api/v1/usage", usage_event("r1"))
    credits_adjust(workspace_id=funded.pk, key="a", amount=-NANO // 2, reason="=Wrong", actor="sam")
    credits_grant(workspace_id=funded.pk, key="b", amount=5 * NANO, source="bought", label="Pack")
    return api


def get(api: Api, month: str | None = None) -> Answer:
    answer = api.get(URL, {"month": month} if month else None)
    assert answer.status == 200, answer.content
    check(answer, URL, "get")
    return answer


def test_opening_in_out_and_closing_add_up(used: Api, funded: Workspace) -> None:
    found = get(used).json
    assert found["month"] == f"{clock.now():%Y-%m}"
    assert (found["opening"], found["in"], found["out"]) == (0, 12_409, Decimal("0.572"))
    assert found["closing"] == Decimal("12408.428") == used.get("/api/v1/credits/summary").json["balance"]
    assert found["closing_nano"] == "12408428000000"
    assert found["running"] is True
    for name in ("opening", "in", "out", "repaid", "closing", "held"):
        assert found[name] == sum(row[name] for row in found["sources"])
    for row in [found, *found["sources"]]:
        assert row["opening"] + row["in"] - row["out"] + row["repaid"] == row["closing"]
    for row in found["sources"]:
        lines = [line for line in found["lines"] if line["source"] == row["source"] and line["line"] != "repaid"]
        assert sum(line["in"] for line in lines) == row["in"]
        assert sum(line["out"] for line in lines) == row["out"]
    assert {(line["source"], line["line"]) for line in found["lines"]} == {
        ("promotion", "granted"),
        ("promotion", "used"),
        ("promotion", "corrected"),
        ("bought", "bought"),
    }


def test_the_head_is_that_of_the_ledger(used: Api) -> None:
    head = get(used).json["chain_head"]
    last = used.get("/api/v1/credits/ledger", {"limit": 1}).json["data"][0]
    assert (head["seq"], head["digest"]) == (last["seq"], last["digest"])


def test_months_follow_each_other_in_the_workspaces_time_zone(api: Api, funded: Workspace) -> None:
    funded.time_zone = "Asia/Tokyo"
    funded.save(update_fields=["time_zone"])
    found = get(api, f"{clock.now():%Y-%m}").json
    assert found["time_zone"] == "Asia/Tokyo"
    assert found["from"].endswith("T15:00:00Z")
    year, month = int(found["month"][:4]), int(found["month"][5:])
    months = [f"{year + (month - 1 - back) // 12}-{(month - 1 - back) % 12 + 1:02}" for back in (2, 1, 0)]
    for before, after in pairwise(get(api, name).json for name in months):
        assert before["closing"] == after["opening"]
        assert before["to"] == after["from"]


def test_a_month_before_the_first_entry_has_no_head(used: Api) -> None:
    found = get(used, "2020-02").json
    assert (found["closing"], found["chain_head"], found["lines"], found["running"]) == (0, None, [], False)


@pytest.mark.parametrize("month", ["2026-13", "x", "", "2026-1", "2099-12"])
def test_no_such_month(api: Api, month: str) -> None:
    answer = api.get(URL, {"month": month})
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["errors"][0]["parameter"] == "month"
    check(answer, URL, "get")


def test_csv_has_every_movement(used: Api) -> None:
    answer = used.get(URL, Accept="text/csv")
    assert answer.kind == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["line"], row["credits"]) for row in rows] == [
        ("granted", "12404"),
        ("corrected", "-0.5"),
        ("bought", "5"),
        ("used", "-0.072"),
    ]
    assert rows[1]["reason"] == "'=Wrong"
    assert rows[3]["until"]


def test_it_takes_the_scope_for_reading_bills(funded: Workspace) -> None:
    assert Api(key_of(funded, Scope.USAGE_READ)).get(URL).status == 403
    assert Api(key_of(funded, Scope.BILLING_READ)).get(URL).status == 200


def test_a_running_month_is_of_its_moment(used: Api) -> None:
    with clock.at(datetime(2031, 5, 6, tzinfo=UTC)):
        found = get(used).json
    assert (found["month"], found["running"], found["opening"]) == ("2031-05", True, Decimal("12408.428"))
