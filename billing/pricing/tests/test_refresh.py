"""The scheduled refresh: which sources are read when, and what one that fails does."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.foundation.due.models import DueJob
from billing.foundation.due.registry import run_due
from billing.foundation.outbox.models import OutboxMessage
from billing.pricing import refresh
from billing.pricing.alarm import standing_alarms
from billing.pricing.book import RANKS, prices_for
from billing.pricing.models import PriceImport, PriceLine, PriceSource
from billing.pricing.services import (
    NOTICE,
    ImportReport,
    PricesNotRefreshed,
    import_reading,
    prices_import,
    refresh_due,
    source_import,
)
from billing.pricing.sources import FETCHED, SOURCES
from billing.pricing.sources.rows import ModelRow, Reading
from billing.pricing.tests.builders import rated
from billing.pricing.tests.test_import import DAY1, DAY2, row

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


class Mirror:
    """A catalogue on this machine, whose answers a test sets."""

    def __init__(self) -> None:
        self.text, self.asked = "{}", 0
        mirror = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked += 1
                body = mirror.text.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/prices.json"

    def says(self, **usd_per_million: float) -> None:
        self.text = json.dumps(
            {
                name: {"mode": "chat", "litellm_provider": "acme", "input_cost_per_token": usd / 1_000_000}
                for name, usd in usd_per_million.items()
            }
        )


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    mirror = Mirror()
    yield mirror
    mirror.server.shutdown()
    mirror.server.server_close()


@pytest.fixture
def olga(db: None) -> User:
    return User.objects.create_superuser("olga@example.com", "correct horse 9")


def litellm(mirror: Mirror, **fields: object) -> PriceSource:
    """The only source that is read."""
    refresh.price_sources()
    PriceSource.objects.exclude(name="litellm").update(enabled=False)
    PriceSource.objects.filter(name="litellm").update(enabled=True, url=mirror.url, **fields)
    return PriceSource.objects.get(name="litellm")


def refresh_at(at: datetime) -> list[ImportReport]:
    with clock.at(at):
        return refresh_due(at)


def test_sources_have_rows_and_nothing_is_fetched_before_the_operator_says_where_from() -> None:
    rows = {source.name: source for source in refresh.price_sources()}
    assert list(rows) == list(SOURCES)
    assert {name for name, source in rows.items() if not source.enabled} == set(FETCHED)
    assert {source.url for source in rows.values()} == {""}
    report = source_import("openrouter", now=DAY1)
    assert report.error.startswith("it has no address")
    with pytest.raises(IntegrityError), transaction.atomic():
        PriceSource.objects.filter(name="litellm").update(enabled=True)


def test_every_source_has_its_place_in_the_precedence() -> None:
    assert sorted(RANKS, key=RANKS.__getitem__, reverse=True) == [
        *("operator", "shipped", "platform", "genai-prices", "bundled", "litellm", "openrouter")
    ]
    assert set(RANKS) == {*SOURCES, "operator"}


def test_a_catalogue_is_read_from_its_address_and_charged_by(mirror: Mirror) -> None:
    mirror.says(brain=2)
    litellm(mirror)
    (report,) = prices_import(now=DAY1)
    assert (report.source, report.added, report.problem) == ("litellm", 1, "")
    prices = prices_for("acme/brain")
    assert prices is not None
    assert rated(prices, {"input_tokens": 1_000_000}).usd == 2


def test_a_start_waits_for_no_network(mirror: Mirror) -> None:
    litellm(mirror)
    PriceSource.objects.filter(name="platform").update(enabled=True)
    call_command("prices_import", "--offline")
    assert (mirror.asked, PriceImport.objects.get().source) == (0, "platform")


def test_each_is_read_as_often_as_the_operator_wants(mirror: Mirror) -> None:
    mirror.says(brain=2)
    litellm(mirror, refresh_hours=6)
    assert len(refresh_at(DAY1)) == 1
    assert [len(refresh_at(DAY1 + hours * HOUR)) for hours in (1, 5)] == [0, 0]
    assert len(refresh_at(DAY1 + 6 * HOUR - timedelta(minutes=5))) == 1
    assert mirror.asked == 2
    PriceSource.objects.filter(name="litellm").update(enabled=False)
    assert refresh_at(DAY2 + 9 * HOUR) == []


def test_a_server_that_takes_minutes_lets_no_price_begin_in_the_past(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.says(brain=2)
    litellm(mirror)
    refresh_at(DAY1)
    mirror.says(brain=1.8)
    read_at = DAY2 + timedelta(minutes=2)
    monkeypatch.setattr("billing.credits.clock.now", lambda: read_at)
    refresh_due(DAY2)
    assert PriceLine.objects.latest("pk").effective_from == read_at + NOTICE


def test_one_that_fails_leaves_prices_alone_is_told_once_and_tried_every_hour(
    mirror: Mirror, olga: User, caplog: pytest.LogCaptureFixture
) -> None:
    mirror.says(brain=2, other=3)
    litellm(mirror)
    refresh_at(DAY1)
    before = list(PriceLine.objects.order_by("pk").values())
    mirror.text = mirror.text[:40]
    with caplog.at_level(logging.ERROR), pytest.raises(PricesNotRefreshed, match="litellm: it is not JSON"):
        refresh_at(DAY2)
    assert "prices of litellm were not refreshed" in caplog.text
    with pytest.raises(PricesNotRefreshed):
        refresh_at(DAY2 + HOUR)
    assert list(PriceLine.objects.order_by("pk").values()) == before
    source = PriceSource.objects.get(name="litellm")
    assert (source.read_at, source.failing_since) == (DAY1, DAY2)
    record = PriceImport.objects.latest("pk")
    assert (record.applied, record.report["error"]) == (False, source.error)
    assert PriceImport.objects.count() == 2  # the same failure again is no news
    assert [m.kind for m in OutboxMessage.objects.all()] == ["price.source"]
    assert "litellm have not been refreshed since 2026-11-02 03:00 UTC: it is not JSON" in standing_alarms()[0]
    mirror.says(brain=2, other=3)
    refresh_at(DAY2 + 2 * HOUR)
    assert (PriceSource.objects.get(name="litellm").error, standing_alarms()) == ("", [])
    mirror.text = ""
    with pytest.raises(PricesNotRefreshed):
        refresh_at(DAY2 + 50 * HOUR)
    assert OutboxMessage.objects.count() == 2  # another time


def test_no_mail_about_a_source_that_a_person_reads_now_and_then(mirror: Mirror, olga: User) -> None:
    mirror.says(brain=2, other=3)
    litellm(mirror)
    PriceSource.objects.filter(name="litellm").update(enabled=False)
    assert source_import("litellm", now=DAY1).applied
    mirror.says(brain=2)
    refused = source_import("litellm", now=DAY2)
    assert refused.problem == "1 of 2 lines vanished"
    assert PriceSource.objects.get(name="litellm").error == refused.problem  # for its page
    assert (OutboxMessage.objects.count(), standing_alarms()) == (0, [])


def test_the_job_shows_that_a_source_fails_and_the_others_are_read(mirror: Mirror) -> None:
    mirror.text = "<html>"
    litellm(mirror)
    PriceSource.objects.filter(name="platform").update(enabled=True)
    (run,) = run_due(only="prices_refresh")
    assert run.error.startswith("PricesNotRefreshed: litellm: it is not JSON")
    assert DueJob.objects.get(name="prices_refresh").failures == 1
    assert PriceLine.objects.filter(source="platform").exists()


def test_a_rise_that_waits_is_told_once_by_mail_and_by_the_banner(mirror: Mirror, olga: User) -> None:
    mirror.says(brain=2, other=2, cheaper=2)
    litellm(mirror)
    refresh_at(DAY1)
    mirror.says(brain=4, other=2.1, cheaper=1)
    refresh_at(DAY2)
    mail = OutboxMessage.objects.get()
    assert (mail.kind, mail.to) == ("price.rise", ["olga@example.com"])
    assert "1 price of “litellm” rose" in mail.text
    assert "acme/brain, input tokens: $2.00 → $4.00 per 1M tokens" in mail.text
    assert "/admin/price-approvals/" in mail.text
    assert standing_alarms() == [
        "1 dearer price waits for your decision (Price approvals); until then use is charged by the old one."
    ]
    mirror.says(brain=4, other=2.2, cheaper=1)
    refresh_at(DAY2 + 30 * HOUR)
    assert OutboxMessage.objects.count() == 1


def test_sources_that_differ_are_told_in_the_record(mirror: Mirror) -> None:
    mirror.says(brain=2, same=3, near=1000)
    litellm(mirror)
    refresh_at(DAY1)
    rows = [row("input_tokens", "2.1", "brain"), row("input_tokens", "3", "same"), row("input_tokens", "1001", "near")]
    report = import_reading(
        Reading("genai-prices", "1", rows, [ModelRow("acme", r.model, r.model, "text") for r in rows]), now=DAY2
    )
    assert (report.added, report.held, report.differs) == (3, 0, 1)
    (told,) = PriceImport.objects.latest("pk").changes.filter(kind="differs")
    assert (told.line.model, told.old.source, told.note) == ("brain", "litellm", "+5.0% of litellm")
    assert told.line.status == "active"


class TestOperator:
    def test_addresses_are_checked_and_changes_audited(self, olga: User) -> None:
        refresh.price_sources()
        words = {"name": "litellm", "enabled": True, "refresh_hours": 12, "actor": olga}
        for url, reason in (("", "Say where"), ("http://example.com/x", "https only")):
            with pytest.raises(ValidationError, match=reason):
                refresh.source_update(url=url, **words)  # type: ignore[arg-type]
        refresh.source_update(url="https://example.com/x", **words)  # type: ignore[arg-type]
        entry = AuditEntry.objects.get(action="price.source")
        assert (entry.before["enabled"], entry.after["url"]) == (False, "https://example.com/x")
        with pytest.raises(ValidationError, match="comes with Purser"):
            refresh.source_update(name="bundled", enabled=True, url="https://x.y/", refresh_hours=1, actor=olga)
        with pytest.raises(ValidationError, match="refresh_hours"):
            refresh.source_update(name="bundled", enabled=True, url="", refresh_hours=0, actor=olga)

    def test_a_file_is_imported_by_the_command(self, tmp_path: Path) -> None:
        file = tmp_path / "prices.json"
        entry = {"mode": "chat", "litellm_provider": "acme", "input_cost_per_token": 1e-06}
        file.write_text(json.dumps({f"m{number}": entry for number in range(10)}))
        call_command("prices_import", "--file", str(file))
        assert PriceLine.objects.filter(source="litellm").count() == 10
        file.write_text(json.dumps({"m1": entry}))
        with pytest.raises(SystemExit):
            call_command("prices_import", "--file", str(file))
        assert PriceLine.objects.filter(source="litellm", effective_to=None).count() == 10
        call_command("prices_import", "--file", str(file), "--vanish", "1")
        assert PriceImport.objects.latest("pk").report["retired"] == 9

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (("--file", "/nowhere.json"), "cannot read"),
            (("--file", "/nowhere.json", "--source", "bundled"), "is for the source litellm"),
            (("--vanish", "2"), "between 0 and 1"),
        ],
    )
    def test_the_command_says_what_it_cannot_do(self, words: tuple[str, ...], reason: str) -> None:
        with pytest.raises(CommandError, match=reason):
            call_command("prices_import", *words)

    def test_a_source_that_cannot_be_read_fails_the_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            call_command("prices_import", "--source", "openrouter")
        assert "openrouter: NOT READ, it has no address" in capsys.readouterr().out
