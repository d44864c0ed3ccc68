"""Operator commands and the daily job."""

import json
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing.foundation.due.registry import run_due
from billing.pricing.models import CatalogModel, PriceImport, PriceLine, PriceSource
from billing.pricing.services import import_reading
from billing.pricing.sources import bundled
from billing.pricing.testing import demo_reading

MEDIA = {
    "sora-x": {"mode": "video_generation", "litellm_provider": "openai", "output_cost_per_video_per_second": 0.1},
    "dbu": {"mode": "rerank", "litellm_provider": "x", "input_cost_per_query": 1, "input_dbu_cost_per_token": 2},
}


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_everything_is_imported_in_seconds_and_again_changes_nothing() -> None:
    first = {each["source"]: each for each in json.loads(run("prices_import", "--json"))["imports"]}
    assert set(first) == {"platform", "shipped", "genai-prices", "bundled"}
    assert first["genai-prices"]["added"] > 7_900
    assert first["bundled"]["added"] > 1_300
    assert first["bundled"]["held"] == PriceLine.objects.filter(status="pending").count()
    assert sum(each["seconds"] for each in first.values()) < 20
    assert CatalogModel.objects.count() > 2_800
    lines = PriceLine.objects.count()
    again = json.loads(run("prices_import", "--json"))["imports"]
    assert all(each["noop"] for each in again)
    assert PriceLine.objects.count() == lines


@pytest.mark.django_db
def test_the_command_says_what_it_does() -> None:
    assert "platform 3: 15 added" in run("prices_import", "--source", "platform")
    assert "15 prices, nothing new" in run("prices_import", "--source", "platform")


@pytest.mark.django_db
def test_a_refused_reading_fails_the_command() -> None:
    import_reading(demo_reading("bundled"))
    PriceLine.objects.filter(source="bundled").update(model="renamed")
    with pytest.raises(SystemExit):
        run("prices_import", "--source", "bundled")
    assert not PriceImport.objects.latest("pk").applied


def test_a_snapshot_is_built_from_litellms_file(tmp_path: Path) -> None:
    source, target = tmp_path / "prices.json", tmp_path / "media.json.gz"
    source.write_text(json.dumps(MEDIA))
    said = run("media_snapshot_build", str(source), "--release", "9.9", "--output", str(target))
    assert "2 models, 2 prices, 0 clashes" in said
    assert "1 input_dbu_cost_per_token in rerank" in said
    reading = bundled.read(target)
    assert (reading.version, len(reading.rows)) == ("litellm 9.9", 2)
    with pytest.raises(CommandError, match="cannot read"):
        run("media_snapshot_build", str(tmp_path / "none"), "--release", "9.9", "--output", str(target))


@pytest.mark.django_db
def test_prices_are_refreshed_daily() -> None:
    assert PriceSource(name="any").refresh_hours == 24
    done = run_due(only="prices_refresh")
    assert (done[0].items, done[0].error) == (4, "")
    assert run_due(only="prices_refresh")[0].items == 0


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_the_same_time_apply_once() -> None:
    applied: list[bool] = []

    def work() -> None:
        try:
            applied.append(import_reading(demo_reading("bundled")).applied)
        finally:
            connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [False, False, False, True]
    assert PriceLine.objects.count() == len(demo_reading("bundled").rows)
