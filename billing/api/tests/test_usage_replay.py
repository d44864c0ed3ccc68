"""The trace player against a running server; what it must cost is calculated here from the published prices."""

import csv
import json
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import genai_prices
import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey, User, Workspace
from accounts.services.workspaces import workspace_create
from billing.api.replay.trace import BadTrace, inspect, moment, read
from billing.api.tests.conftest import key_of
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.metering.models import UsageEvent
from billing.metering.selectors.totals import spent
from billing.pricing.services import prices_import
from billing.pricing.testing import import_demo_prices

TRACE = Path(__file__).parent / "data" / "trace.csv"
REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "azure_llm_conversation_trace_2023.csv"
MODEL = "openai/gpt-4o-mini"
USD_PER_CREDIT = Decimal("0.005")


def nano_of(path: Path, input_usd: Decimal, output_usd: Decimal) -> int:
    """Nano-credits of a trace at USD per million tokens, each request rounded once."""
    total = 0
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            usd = (int(row["ContextTokens"]) * input_usd + int(row["GeneratedTokens"]) * output_usd) / 1_000_000
            total += round(usd / USD_PER_CREDIT * NANO)
    return total


def funded_workspace() -> Workspace:
    workspace = workspace_create(name="Replay", owner=None, external_id="replay-1")
    credits_grant(workspace_id=workspace.pk, key="opening", amount=10_000 * NANO, label="Opening credits")
    return workspace


def replay(server: Any, path: Path = TRACE, **options: Any) -> dict[str, Any]:
    out = StringIO()
    options = {"workspace": "replay-1", "model": MODEL, "url": server.url, "json": True} | options
    call_command("usage_replay", str(path), stdout=out, **options)
    result: dict[str, Any] = json.loads(out.getvalue(), parse_float=Decimal)
    return result


@pytest.fixture
def workspace_to_bill(transactional_db: None) -> Workspace:
    import_demo_prices()
    return funded_workspace()


def test_a_trace_costs_what_the_published_prices_say_and_twice_is_once(
    live_server: Any, workspace_to_bill: Workspace
) -> None:
    expected = nano_of(TRACE, Decimal("0.15"), Decimal("0.60"))
    first = replay(live_server, batch_size=25)

    assert (first["events"], first["accepted"], first["duplicates"]) == (60, 60, 0)
    assert (first["unrated"], first["rejected"]) == (0, 0)
    assert first["credits_nano"] == str(expected)
    assert first["credits"] == Decimal(expected) / NANO
    assert balance(workspace_to_bill.pk).available == 10_000 * NANO - expected
    latest = UsageEvent.objects.latest("occurred_at")
    assert abs((clock.now() - latest.occurred_at).total_seconds()) < 60

    again = replay(live_server, batch_size=1000)
    assert (again["accepted"], again["duplicates"], again["credits_nano"]) == (0, 60, "0")
    assert balance(workspace_to_bill.pk).available == 10_000 * NANO - expected


def test_an_interrupted_replay_goes_on_where_it_stopped(
    live_server: Any, workspace_to_bill: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from billing.api.replay import player

    sent = player._add

    def interrupted(played: player.Played, answer: dict[str, Any]) -> None:
        sent(played, answer)
        if played.accepted >= 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(player, "_add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replay(live_server, batch_size=10)
    monkeypatch.setattr(player, "_add", sent)
    assert UsageEvent.objects.count() == 20

    rest = replay(live_server, batch_size=10)
    assert (rest["accepted"], rest["duplicates"], rest["rejected"]) == (40, 20, 0)
    expected = nano_of(TRACE, Decimal("0.15"), Decimal("0.60"))
    assert balance(workspace_to_bill.pk).available == 10_000 * NANO - expected
    assert set(ApiKey.objects.values_list("revoked_at", flat=True)) & {None} == set()


def test_kept_times_stay_as_they_are(live_server: Any, workspace_to_bill: Workspace) -> None:
    done = replay(live_server, keep_times=True)
    assert done["accepted"] == 60
    first = UsageEvent.objects.earliest("occurred_at")
    assert first.occurred_at.isoformat() == "2023-11-16T18:15:46.680590+00:00"
    assert UsageEvent.objects.filter(late=True).count() == 60
    now = clock.now()
    assert spent(workspace_to_bill.pk, now, now.replace(minute=59, second=59)).nano == int(done["credits_nano"])


def test_a_customers_key_may_play_only_what_it_may_record(live_server: Any, workspace_to_bill: Workspace) -> None:
    key = key_of(workspace_to_bill)
    with pytest.raises(CommandError, match="operator does not let"):
        replay(live_server, key=key)
    Workspace.objects.update(usage_write_allowed=True)
    assert replay(live_server, key=key)["accepted"] == 60


def test_an_unknown_model_is_counted_as_unrated(live_server: Any, workspace_to_bill: Workspace) -> None:
    done = replay(live_server, model="nobody/nothing")
    assert (done["accepted"], done["unrated"], done["credits_nano"]) == (60, 60, "0")
    assert "unknown_model" in done["examples"][0]


def test_the_result_is_one_line_for_people(live_server: Any, workspace_to_bill: Workspace) -> None:
    out = StringIO()
    call_command(
        "usage_replay", str(TRACE), workspace="replay-1", model=MODEL, url=live_server.url, stdout=out, verbosity=1
    )
    nano = nano_of(TRACE, Decimal("0.15"), Decimal("0.60"))
    assert out.getvalue() == (
        f"{(Decimal(nano) / NANO).normalize():f} credits taken for 60 events: "
        "60 accepted, 0 duplicates, 0 unrated, 0 rejected\n"
    )


def test_wrong_input_is_one_clear_line(db: None, tmp_path: Path, alice: User) -> None:
    Workspace.objects.create(name="Replay", external_id="replay-1")
    bad = tmp_path / "bad.csv"
    bad.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,12,x\n")
    for path, options, message in (
        (tmp_path / "none.csv", {}, "No such file"),
        (bad, {}, "Line 2"),
        (TRACE, {"workspace": "nobody"}, "no workspace"),
        (TRACE, {"batch_size": 1001}, "--batch-size"),
        (TRACE, {"url": "ftp://x"}, "not the address"),
    ):
        with pytest.raises(CommandError, match=message):
            call_command("usage_replay", str(path), **({"workspace": "replay-1", "model": MODEL} | options))
    assert not ApiKey.objects.filter(revoked_at=None).exists()


def test_a_trace_is_read_exactly(tmp_path: Path) -> None:
    trace = inspect(TRACE)
    assert trace.rows == 60
    assert len(list(read(TRACE))) == 60
    assert moment("2023-11-16 18:15:46.6805909").isoformat() == "2023-11-16T18:15:46.680590+00:00"
    assert moment("2023-11-16 18:15:46").microsecond == 0
    assert moment("2023-11-16T18:15:46.5+01:00").isoformat() == "2023-11-16T17:15:46.500000+00:00"
    empty = tmp_path / "empty.csv"
    empty.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n\n")
    with pytest.raises(BadTrace, match="no rows"):
        inspect(empty)
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(BadTrace, match="TIMESTAMP"):
        inspect(other)


if REAL.exists():

    @pytest.mark.slow
    def test_the_real_trace_costs_what_the_catalogue_says(live_server: Any, transactional_db: None) -> None:
        prices_import(sources=["genai-prices"])
        workspace = funded_workspace()
        expected = sum(
            round(price.total_price / USD_PER_CREDIT * NANO)
            for row in read(REAL)
            if (
                price := genai_prices.calc_price(
                    genai_prices.Usage(input_tokens=row.input_tokens, output_tokens=row.output_tokens),
                    "gpt-4o-mini",
                    provider_id="openai",
                )
            )
        )
        assert expected == nano_of(REAL, Decimal("0.15"), Decimal("0.6"))
        first = replay(live_server, REAL)
        assert (first["accepted"], first["credits_nano"]) == (19_366, str(expected))
        assert balance(workspace.pk).available == 10_000 * NANO - expected
        again = replay(live_server, REAL)
        assert (again["duplicates"], again["credits_nano"]) == (19_366, "0")
        assert balance(workspace.pk).available == 10_000 * NANO - expected
