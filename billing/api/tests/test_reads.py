import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import get_args

import pytest

from accounts.models import Workspace
from billing.api.schemas.lists import By
from billing.api.tests.conftest import Answer, Api, usage_event
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.services import credits_grant
from billing.metering.allowances import allowance_open
from billing.metering.models import UsageEvent
from billing.metering.reverse import usage_reverse


def rows(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


@pytest.fixture
def used(api: Api) -> Api:
    for number in range(7):
        api.post(
            "/api/v1/usage",
            usage_event(f"r{number}", agent="support-bot" if number % 2 else "writer", app="web", task="chat"),
        )
    return api


def test_events_come_newest_first_in_pages(used: Api) -> None:
    first = used.get("/api/v1/usage/events", {"limit": 5})
    assert first.status == 200
    assert [row["event_id"] for row in first.json["data"]] == ["r6", "r5", "r4", "r3", "r2"]
    second = used.get("/api/v1/usage/events", {"limit": 5, "cursor": first.json["next_cursor"]})
    assert [row["event_id"] for row in second.json["data"]] == ["r1", "r0"]
    assert second.json["next_cursor"] is None
    row = first.json["data"][0]
    assert row["model"] == "openai/gpt-4o-mini"
    assert row["usage"] == {"input_tokens": 1200, "output_tokens": 300}
    assert (row["credits"], row["credits_nano"]) == (Decimal("0.072"), "72000000")


def test_events_are_filtered(used: Api) -> None:
    bots = used.get("/api/v1/usage/events", {"agent": "support-bot", "model": "openai/gpt-4o-mini"})
    assert [row["event_id"] for row in bots.json["data"]] == ["r5", "r3", "r1"]
    assert used.get("/api/v1/usage/events", {"app": "nobody"}).json["data"] == []
    tomorrow = (clock.now() + timedelta(days=1)).date().isoformat()
    assert used.get("/api/v1/usage/events", {"from": tomorrow}).json["data"] == []
    assert len(used.get("/api/v1/usage/events", {"to": tomorrow}).json["data"]) == 7


def test_events_as_csv_are_whole_and_harmless(used: Api) -> None:
    used.post("/api/v1/usage", usage_event("formula", agent='=HYPERLINK("x")', usage={"input_tokens": 1}))
    answer = used.get("/api/v1/usage/events", {"limit": 2}, Accept="text/csv")
    assert answer.kind == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    found = rows(answer)
    assert len(found) == 8
    assert found[0]["agent"] == '\'=HYPERLINK("x")'
    assert found[0]["credits"] == "0.00003"
    assert found[1]["input_tokens"] == "1200"
    assert found[1]["usage"] == '{"input_tokens":1200,"output_tokens":300}'
    assert found[1]["late"] == "false"


def test_a_receipt_says_what_paid(used: Api, funded: Workspace) -> None:
    answer = used.get("/api/v1/usage/events/r3")
    assert answer.status == 200
    assert answer.json["event_id"] == "r3"
    assert [line["meter"] for line in answer.json["lines"]] == ["input_tokens", "output_tokens"]
    assert sum(line["credits"] for line in answer.json["lines"]) == Decimal("0.072")
    assert [(lot["label"], lot["credits"]) for lot in answer.json["lots"]] == [("Opening credits", Decimal("0.072"))]
    assert answer.json["debt"] == 0
    assert answer.json["ledger_seq"] > 0
    assert len(answer.json["chain_head"]) == 64
    ledger = used.get("/api/v1/credits/ledger").json["data"]
    assert answer.json["chain_head"] == next(row["digest"] for row in ledger if row["seq"] == answer.json["ledger_seq"])
    assert used.get("/api/v1/usage/events/nobody").status == 404


def test_a_receipt_says_what_was_given_back(api: Api, funded: Workspace) -> None:
    api.post("/api/v1/usage", usage_event("req_8f"))
    event = UsageEvent.objects.get(event_id="req_8f")
    usage_reverse(workspace_id=funded.pk, pk=event.pk, reason="Wrong model", actor="sam")
    receipt = api.get("/api/v1/usage/events/req_8f").json
    assert (receipt["credits_nano"], receipt["reversed_nano"]) == ("72000000", "72000000")
    assert receipt["reversed_at"] is not None
    assert api.get("/api/v1/credits/summary").json["balance"] == 12_404


def test_each_class_of_key_gets_its_own_receipt_first(api: Api, customer: Api) -> None:
    api.post("/api/v1/usage", usage_event("same", usage={"input_tokens": 10}))
    customer.post("/api/v1/usage", usage_event("same", usage={"input_tokens": 20}))
    assert api.get("/api/v1/usage/events/same").json["usage"] == {"input_tokens": 10}
    assert customer.get("/api/v1/usage/events/same").json["usage"] == {"input_tokens": 20}


def test_an_event_id_with_slashes_has_a_receipt(api: Api) -> None:
    api.post("/api/v1/usage", usage_event("a/b c?d"))
    assert api.get("/api/v1/usage/events/a%2Fb%20c%3Fd").json["event_id"] == "a/b c?d"


@pytest.mark.parametrize("by", get_args(By))
def test_every_breakdown_adds_up(used: Api, by: str) -> None:
    answer = used.get("/api/v1/usage/breakdown", {"by": by})
    assert answer.status == 200
    assert answer.json["by"] == by
    assert answer.json["credits"] == Decimal("0.504")
    assert answer.json["credits_nano"] == "504000000"
    assert sum(row["credits"] for row in answer.json["data"]) == Decimal("0.504")
    assert answer.json["requests"] == 7
    table = rows(used.get("/api/v1/usage/breakdown", {"by": by}, Accept="text/csv"))
    assert sum(Decimal(row["credits"]) for row in table) == Decimal("0.504")


@pytest.mark.parametrize("by", ["day", "month", "model"])
def test_a_breakdown_to_the_end_of_all_calendars_is_refused(used: Api, workspace: Workspace, by: str) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(time_zone="Pacific/Auckland")
    until = "9999-12-31T23:59:59Z"
    answer = used.get("/api/v1/usage/breakdown", {"by": by, "from": "9995-01-01", "to": until})
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def test_a_breakdown_by_agent_names_them(used: Api) -> None:
    found = used.get("/api/v1/usage/breakdown", {"by": "agent"}).json["data"]
    assert [(row["name"], row["requests"], row["tokens"]) for row in found] == [
        ("writer", 4, 6000),
        ("support-bot", 3, 4500),
    ]


def test_a_breakdown_by_end_user_names_them_and_their_requests_can_be_listed(api: Api) -> None:
    for event_id, user in (("a", "u_1"), ("b", "u_2"), ("c", "u_2"), ("d", "")):
        api.post("/api/v1/usage", usage_event(event_id, **({"end_user": user} if user else {})))
    found = api.get("/api/v1/usage/breakdown", {"by": "end_user"})
    assert [(row["key"], row["name"], row["credits"], row["requests"]) for row in found.json["data"]] == [
        ("u_2", "u_2", Decimal("0.144"), 2),
        ("", "No end user", Decimal("0.072"), 1),
        ("u_1", "u_1", Decimal("0.072"), 1),
    ]
    table = rows(api.get("/api/v1/usage/breakdown", {"by": "end_user"}, Accept="text/csv"))
    assert (table[0]["key"], table[0]["credits"], table[0]["tokens"]) == ("u_2", "0.144", "3000")
    listed = api.get("/api/v1/usage/events", {"end_user": "u_2"}).json["data"]
    assert [row["event_id"] for row in listed] == ["c", "b"]
    assert len(rows(api.get("/api/v1/usage/events", {"end_user": "u_1"}, Accept="text/csv"))) == 1


def test_json_is_the_answer_unless_csv_is_asked_for(used: Api) -> None:
    for accept in ("*/*", "application/json, text/csv", "text/html", ""):
        assert used.get("/api/v1/usage/breakdown", {"by": "app"}, Accept=accept).kind == "application/json"


def test_the_summary_tells_balance_usage_and_what_expires(used: Api, funded: Workspace) -> None:
    now = clock.now()
    credits_grant(
        workspace_id=funded.pk, key="gift", amount=100 * NANO, label="Gift", expires_at=now + timedelta(days=3)
    )
    allowance_open(
        workspace_id=funded.pk,
        meter="input_characters",
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=29),
        included=Decimal(1000),
    )
    answer = used.get("/api/v1/credits/summary")
    assert answer.status == 200
    summary = answer.json
    assert summary["balance"] == Decimal("12503.496")
    assert summary["balance_nano"] == "12503496000000"
    assert (summary["pending"], summary["held"], summary["debt"], summary["state"]) == (0, 0, 0, "healthy")
    assert summary["usage"] == {"today": Decimal("0.504"), "thisMonth": Decimal("0.504")}
    assert summary["breakdown"] == {
        "agents": [
            {"name": "writer", "today": Decimal("0.288"), "thisMonth": Decimal("0.288")},
            {"name": "support-bot", "today": Decimal("0.216"), "thisMonth": Decimal("0.216")},
        ],
        "apps": [{"name": "web", "today": Decimal("0.504"), "thisMonth": Decimal("0.504")}],
        "addons": {"today": 0, "thisMonth": 0},
    }
    assert [(row["meter"], row["included"], row["used"]) for row in summary["allowances"]] == [
        ("input_characters", 1000, 0)
    ]
    assert [row["credits"] for row in summary["expiring"]] == [100]
    assert summary["runway_days"] == Decimal("24808.5")


def test_lots_come_in_burn_order(api: Api, funded: Workspace) -> None:
    now = clock.now()
    for label, days in (("Late", 60), ("Soon", 5)):
        credits_grant(
            workspace_id=funded.pk, key=label, amount=10 * NANO, label=label, expires_at=now + timedelta(days=days)
        )
    api.post("/api/v1/usage", usage_event())
    first = api.get("/api/v1/credits/lots", {"limit": 2})
    assert [(lot["label"], lot["status"]) for lot in first.json["data"]] == [("Soon", "next"), ("Late", "active")]
    assert first.json["data"][0]["remaining"] == Decimal("9.928")
    assert first.json["data"][0]["amount_nano"] == "10000000000"
    rest = api.get("/api/v1/credits/lots", {"cursor": first.json["next_cursor"]})
    assert [lot["label"] for lot in rest.json["data"]] == ["Opening credits"]
    assert rest.json["data"][0]["expires_at"] is None
    assert rest.json["next_cursor"] is None


def test_the_ledger_is_read_in_pages(used: Api) -> None:
    first = used.get("/api/v1/credits/ledger", {"limit": 5})
    rest = used.get("/api/v1/credits/ledger", {"limit": 5, "cursor": first.json["next_cursor"]})
    found = first.json["data"] + rest.json["data"]
    assert [row["seq"] for row in found] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert [row["kind"] for row in found] == ["usage.spend"] * 7 + ["grant.operator"]
    assert found[0]["amount"] == Decimal("0.072")
    assert found[0]["balance_after"] == Decimal("12403.496")
    assert len(found[0]["digest"]) == 64
    assert rest.json["next_cursor"] is None


def test_prices_are_listed_in_usd_and_credits(api: Api) -> None:
    answer = api.get("/api/v1/pricing/models", {"search": "4o-mini"})
    assert answer.status == 200
    (model,) = answer.json["data"]
    assert model["model"] == "openai/gpt-4o-mini"
    prices = {price["meter"]: price for price in model["prices"] if not price["variant"]}
    assert prices["input_tokens"]["price_usd"] == Decimal("0.15")
    assert prices["input_tokens"]["per"] == 1_000_000
    assert prices["input_tokens"]["credits"] == 30
    assert answer.json["refreshed_at"]
    first = api.get("/api/v1/pricing/models", {"limit": 3})
    second = api.get("/api/v1/pricing/models", {"limit": 3, "cursor": first.json["next_cursor"]})
    names = [row["model"] for row in first.json["data"] + second.json["data"]]
    assert len(set(names)) == 6
    assert api.get("/api/v1/pricing/models", {"modality": "video"}).json["data"][0]["provider"] == "google"


def test_a_stranger_sees_nothing_of_another_workspace(used: Api, funded: Workspace) -> None:
    other = Workspace.objects.create(name="Other")
    stranger = Api(used.key, **{"Purser-Workspace": other.public_id})
    assert stranger.get("/api/v1/usage/events").json["data"] == []
    assert stranger.get("/api/v1/usage/events/r3").status == 404
    assert stranger.get("/api/v1/usage/breakdown", {"by": "model"}).json["data"] == []
    summary = stranger.get("/api/v1/credits/summary").json
    assert (summary["balance"], summary["state"], summary["runway_days"]) == (0, "stopped", None)
    assert stranger.get("/api/v1/credits/lots").json == {"data": [], "next_cursor": None}
    assert stranger.get("/api/v1/credits/ledger").json == {"data": [], "next_cursor": None}


def test_an_event_id_may_have_a_line_break(api: Api) -> None:
    assert api.post("/api/v1/usage", usage_event("two\nlines")).status == 201
    assert api.get("/api/v1/usage/events/two%0Alines").json["event_id"] == "two\nlines"


def test_a_parameter_is_given_once(api: Api) -> None:
    answer = api.get("/api/v1/usage/events?limit=5&limit=500")
    assert (answer.status, answer.json["errors"][0]["parameter"]) == (400, "limit")
