"""/api/v1/pricing: lists, one model, history, CSV."""

import csv
import io
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.models import Workspace
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.credits import clock
from billing.pricing.agreed import Scope, Step
from billing.pricing.agreements import override_add, schedule_add
from billing.pricing.approvals import markup_add
from billing.pricing.services import import_reading
from billing.pricing.testing import demo_reading

MODELS = "/api/v1/pricing/models"
MINI, BIG, SONNET = "openai/gpt-4o-mini", "openai/gpt-4o", "anthropic/claude-sonnet-4-5"


def refs(api: Api, **query: object) -> list[str]:
    answer = api.get(MODELS, query)
    assert answer.status == 200, answer.content
    return [row["model"] for row in answer.json["data"]]


def test_the_list_is_bounded_and_sorted(api: Api) -> None:
    assert refs(api, modality="text", sort="price") == [MINI, BIG, SONNET]
    assert refs(api, modality="text", sort="-price") == [SONNET, BIG, MINI]
    assert refs(api, modality="text", sort="context")[0] == SONNET
    assert refs(api, modality="text", max_price_usd="2.5", sort="name") == [BIG, MINI]
    assert refs(api, modality="text", min_price_usd="2.6") == [SONNET]
    assert refs(api, max_price_usd="0") == []


@pytest.mark.parametrize(
    "query",
    [{"sort": "x"}, {"sort": ""}, {"max_price_usd": "-1"}, {"max_price_usd": "NaN"}, {"min_price_usd": "1e3"}],
)
def test_what_makes_no_sense_is_refused(api: Api, query: dict[str, str]) -> None:
    answer = api.get(MODELS, query)
    assert answer.status == 400
    assert answer.json["code"] == "invalid_request"


def test_pages_of_an_order_follow_each_other_and_no_other(api: Api) -> None:
    first = api.get(MODELS, {"sort": "price", "limit": 4}).json
    second = api.get(MODELS, {"sort": "price", "limit": 5, "cursor": first["next_cursor"]}).json
    assert [row["model"] for row in first["data"] + second["data"]] == refs(api, sort="price")
    assert second["next_cursor"] is None
    assert api.get(MODELS, {"sort": "name", "cursor": first["next_cursor"]}).status == 400


def test_what_the_own_month_would_cost(api: Api) -> None:
    assert api.get(MODELS, {"search": BIG}).json["data"][0]["month_cost_usd"] is None
    api.post("/api/v1/usage", usage_event(usage={"input_tokens": 2_000_000, "output_tokens": 100_000}))
    data = {row["model"]: row for row in api.get(MODELS, {"sort": "cost"}).json["data"]}
    assert list(data)[:3] == [MINI, BIG, SONNET]
    assert (data[MINI]["month_cost_usd"], data[MINI]["month_cost_credits"]) == (Decimal("0.36"), 72)
    assert data[BIG]["month_cost_usd"] == 6
    assert data["deepgram/nova-3"]["month_cost_usd"] is None


def test_a_customer_sees_what_it_agreed_on_and_what_the_list_says(api: Api, funded: Workspace) -> None:
    with clock.at(clock.now() - timedelta(hours=1)):
        own = Scope("openai", "gpt-4o", "input_tokens")
        override_add(workspace=funded, scope=own, by="test", price=Decimal("0.002"), per=1_000)
        steps = (Step(Decimal(1_000_000), off=Decimal(10)),)
        schedule_add(scope=Scope(meter="output_tokens"), mode="graduated", steps=steps, by="test", workspace=funded)
    prices = {price["meter"]: price for price in api.get(f"{MODELS}/{BIG}").json["prices"]}
    agreed = prices["input_tokens"]
    assert (agreed["agreed"], agreed["customer_price_usd"], agreed["per"]) == (True, Decimal("0.002"), 1_000)
    assert (agreed["list_price_usd"], agreed["price_usd"]) == (Decimal("0.0025"), Decimal("0.0025"))
    out = prices["output_tokens"]
    assert (out["agreed"], out["graduated"]) == (False, True)
    assert [(step["start"], step["customer_price_usd"]) for step in out["steps"]] == [(0, 10), (1_000_000, 9)]
    stranger = Api(key_of(Workspace.objects.create(name="Other")))
    listed = {price["meter"]: price for price in stranger.get(f"{MODELS}/{BIG}").json["prices"]}
    assert listed["input_tokens"]["customer_price_usd"] == Decimal("2.5")


def test_one_model_by_any_of_its_names(api: Api) -> None:
    for name in (MINI, "gpt-4o-mini", "openai/gpt-4o-mini-2024-07-18"):
        answer = api.get(f"{MODELS}/{name}")
        assert answer.status == 200
        assert answer.json["model"] == MINI
    assert answer.json["names"][:2] == [MINI, "gpt-4o-mini"]
    assert answer.json["sold_by_maker"] is True
    assert (answer.json["history"], answer.json["announced"], answer.json["retired_at"]) == ([], [], None)
    (source,) = answer.json["sources"]
    assert (source["source"], source["version"]) == ("genai-prices", "demo")
    for name in ("acme/none", "x", "%00", "%FF%FE", "x" * 3_000):
        assert api.get(f"{MODELS}/{name}").status == 404


def test_its_history_and_what_is_announced(api: Api) -> None:
    reading = demo_reading("genai-prices")
    rows = [
        replace(row, price=Decimal("2.75")) if (row.model, row.meter) == ("gpt-4o", "input_tokens") else row
        for row in reading.rows
    ]
    import_reading(replace(reading, rows=rows), now=clock.now() - timedelta(days=3))
    at = clock.now() + timedelta(days=9)
    markup_add(percent=Decimal(50), by="test", provider="openai", model="gpt-4o", effective_from=at)
    found = api.get(f"{MODELS}/{BIG}").json
    (change,) = found["history"]
    assert (change["meter"], change["change_percent"]) == ("input_tokens", 10)
    assert (change["old"]["customer_price_usd"], change["new"]["customer_price_usd"]) == (
        Decimal("2.5"),
        Decimal("2.75"),
    )
    assert change["new"]["credits"] == 550
    assert {each["change_percent"] for each in found["announced"]} == {50}


def test_the_whole_selection_as_csv(api: Api) -> None:
    answer = api.get(MODELS, {"provider": "openai", "limit": 1, "sort": "name"}, Accept="text/csv")
    assert answer.kind == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [line["model"] for line in lines][:3] == [BIG] * 3
    assert {line["model"] for line in lines} == {BIG, MINI, "openai/gpt-image-1.5", "openai/text-embedding-3-small"}
    batch = next(line for line in lines if line["model"] == MINI and line["variant"])
    assert (batch["variant"], batch["price_usd"], batch["per"]) == ('{"tier":"batch"}', "0.075", "1000000")
    assert api.get(MODELS, {"cursor": "x"}, Accept="text/csv").status == 200  # a file has no pages
