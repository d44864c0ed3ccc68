"""Details of old events go to files, and nothing that is promised depends on them."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.foundation.site.services import site_update
from billing.ledger.models import Wallet
from billing.ledger.verify import verify
from billing.metering.archive import files, services
from billing.metering.archive.files import ArchiveDamaged
from billing.metering.archive.rows import rows_of
from billing.metering.archive.services import archive_old_events, first_kept_month
from billing.metering.errors import EventConflict
from billing.metering.models import EventArchive, UsageEvent
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.reverse import usage_reverse
from billing.metering.selectors.breakdown import breakdown
from billing.metering.selectors.receipts import receipt
from billing.metering.tests.conftest import SERVICE, event
from billing.metering.tests.helpers import proved
from billing.metering.tests.pricing import price_appears

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 10, 12, 30, tzinfo=UTC)
NOW = datetime(2026, 6, 10, 12, 30, tzinfo=UTC)
MONTH = timedelta(days=30)


@pytest.fixture(autouse=True)
def keep(db: None, settings: Settings, tmp_path: Path) -> Path:
    """Details are kept for two whole months: on 10 June April, May and June."""
    settings.ARCHIVE_DIR = str(tmp_path / "archive")
    site_update(changes={"event_detail_months": 2}, actor="test")
    return tmp_path / "archive"


@pytest.fixture
def used(workspace: Workspace, prices: None) -> Workspace:
    """From January to June, each month a single event, a batch, one without a price and a late one."""
    for month in range(6):
        at = START + month * MONTH
        usage_record(workspace_id=workspace.pk, source=SERVICE, now=at, event=detailed(f"single{month}"))
        reported = [detailed(f"b{month}-{index}", at=at - timedelta(hours=index)) for index in range(5)]
        reported += [detailed(f"odd{month}", model="acme/brain"), detailed(f"late{month}", at=at - MONTH)]
        usage_record_batch(workspace_id=workspace.pk, source=SERVICE, now=at, events=reported)
    return workspace


def detailed(event_id: str, at: datetime | None = None, **fields: Any) -> Any:
    return event(event_id, occurred_at=at, agent="a", end_user="u1", metadata={"trace": 'é"\n\\'},
                 variant={"tier": "batch"}, **fields)  # fmt: skip


def archived() -> set[str]:
    return set(UsageEvent.objects.exclude(archive=None).values_list("event_id", flat=True))


def run(now: datetime = NOW) -> int:
    with clock.at(now):
        return archive_old_events(now=now)


def dump() -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, to_jsonb(e)::text FROM metering_usageevent e ORDER BY id")
        return dict(cursor.fetchall())


def test_whole_months_go_to_a_file_each_by_where_they_count(used: Workspace, keep: Path) -> None:
    assert run() == 3 * 7
    names = [f"{used.public_id}/2026-{month}-0001.jsonl.gz" for month in ("01", "02", "03")]
    assert list(EventArchive.objects.order_by("month").values_list("file", "events")) == [(name, 7) for name in names]
    in_march = {row["event_id"] for row in files.read(names[2], bytes(EventArchive.objects.get(month__month=3).sha256))}
    assert in_march == {"single2", "late2", *(f"b2-{index}" for index in range(5))}
    assert archived() == {f"{name}{m}" for m in range(3) for name in ("single", "late")} | {
        f"b{month}-{index}" for month in range(3) for index in range(5)
    }  # those without a price keep what they are priced by
    assert {path.stat().st_mode & 0o777 for path in keep.rglob("*.*")} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (keep, keep / used.public_id)} == {0o700}
    assert run() == 0
    assert sorted(path.name for path in keep.rglob("*.*")) == sorted(
        f"2026-{month}-0001.{kind}" for month in ("01", "02", "03") for kind in ("jsonl.gz", "manifest.json")
    )


def test_the_file_has_each_row_whole_and_the_row_only_what_is_needed(used: Workspace, keep: Path) -> None:
    before = dump()
    run()
    after = dump()
    for archive in EventArchive.objects.all():
        for line in files.lines(archive.file, bytes(archive.sha256)):
            assert line.rstrip("\n") == before[json.loads(line)["id"]]
    changed = {"archive_id", "variant", "metadata", "lines"}
    for pk, text in after.items():
        row, was = json.loads(text), json.loads(before[pk])
        differs = {name for name in row if row[name] != was[name]}
        assert differs - {"told"} == (set() if row["archive_id"] is None else changed)
    row = UsageEvent.objects.get(event_id="single0")
    assert (row.variant, row.metadata, row.told) == ({}, {}, None)
    assert [sorted(line) for line in row.lines] == [["from_allowance", "meter", "nano", "quantity"]] * 2
    manifest = json.loads((keep / used.public_id / "2026-01-0001.manifest.json").read_text())
    assert manifest == {
        "format": "purser-events",
        "version": 1,
        "workspace": used.public_id,
        "month": "2026-01",
        "part": 1,
        "events": 7,
        "sha256": bytes(EventArchive.objects.get(month__month=1).sha256).hex(),
    }


def test_the_file_can_be_read_back_into_a_table(used: Workspace) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE was ON COMMIT DROP AS SELECT * FROM metering_usageevent")
        run()
        cursor.execute("CREATE TEMP TABLE archived (LIKE metering_usageevent) ON COMMIT DROP")
        cursor.execute("CREATE TEMP TABLE line (line jsonb) ON COMMIT DROP")
        text = "".join(
            line for archive in EventArchive.objects.all() for line in files.lines(archive.file, bytes(archive.sha256))
        )
        raw = psycopg.Cursor(connection.connection)  # as docs/operations.md has it for psql
        with raw.copy("COPY line FROM STDIN WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')") as copy:
            copy.write(text)
        cursor.execute(
            "INSERT INTO archived SELECT (jsonb_populate_record(NULL::metering_usageevent, line)).* FROM line"
        )
        cursor.execute("SELECT count(*) FROM archived")
        assert cursor.fetchone() == (21,)
        cursor.execute("SELECT count(*) FROM (SELECT * FROM archived EXCEPT SELECT * FROM was) other")
        assert cursor.fetchone() == (0,)


def test_everything_that_is_promised_holds(used: Workspace) -> None:
    def shown() -> Any:
        bounds = {"since": START - MONTH, "until": NOW}
        return [breakdown(used, by=by, **bounds) for by in ("model", "meter", "agent", "day", "month")]

    before = shown()
    run()
    assert shown() == before
    assert verify().problems == []
    proved(used)
    found = receipt(used.pk, event_id="single0")
    assert found is not None
    assert (found.lines, found.debt, found.seq) == ((), found.event.amount, 1)
    assert found.event.archive is not None
    assert found.event.archive.file.endswith("2026-01-0001.jsonl.gz")


def test_an_old_id_is_still_a_duplicate(used: Workspace) -> None:
    run()
    debt = Wallet.objects.get().debt
    with clock.at(NOW):
        again = usage_record(workspace_id=used.pk, source=SERVICE, event=detailed("single0"))
        assert (again.replay, again.nano, again.lines) == (True, UsageEvent.objects.get(event_id="single0").amount, ())
        with pytest.raises(EventConflict):
            usage_record(workspace_id=used.pk, source=SERVICE, event=event("single0"))
        reported = [detailed(f"b0-{index}", at=START - timedelta(hours=index)) for index in range(5)]
        result = usage_record_batch(workspace_id=used.pk, source=SERVICE, events=reported)
    assert (result.accepted, result.duplicates, result.rejected) == (0, 5, [])
    assert Wallet.objects.get().debt == debt
    assert verify().problems == []


def test_an_archived_event_can_be_given_back(used: Workspace) -> None:
    run()
    row = UsageEvent.objects.get(event_id="b0-3")
    debt = Wallet.objects.get().debt
    result = usage_reverse(workspace_id=used.pk, pk=row.pk, reason="An old mistake", actor="staff")
    assert (result.amount, result.cancelled) == (row.amount, row.amount)
    assert Wallet.objects.get().debt == debt - row.amount
    assert verify().problems == []


def test_what_got_its_price_in_time_is_archived_with_it(used: Workspace) -> None:
    price_appears(input_tokens="1", output_tokens="2")
    run_due(only="usage_waiting")
    run()
    rows = UsageEvent.objects.filter(event_id__in=["odd0", "odd1", "odd2"])
    assert {(row.unrated_as, row.amount > 0, row.archive_id is None) for row in rows} == {
        ("unknown_model", True, False)
    }
    with clock.at(NOW):
        again = usage_record(workspace_id=used.pk, source=SERVICE, event=detailed("odd0", model="acme/brain"))
    assert (again.replay, again.problem, again.nano) == (True, "unknown_model", 0)
    assert verify().problems == []


def test_what_waits_for_a_price_is_charged_after_its_month_was_archived(used: Workspace) -> None:
    run()
    price_appears()
    run_due(only="usage_waiting")
    row = UsageEvent.objects.get(event_id="odd0")
    assert (row.amount, row.archive_id) == (360_000_000, None)
    assert verify().problems == []


@pytest.mark.parametrize("months", [None, 0])
def test_without_a_number_of_months_nothing_is_archived(used: Workspace, months: int | None, keep: Path) -> None:
    site_update(changes={"event_detail_months": months}, actor="test")
    assert run() == 0
    assert not keep.exists()
    with pytest.raises(CommandError, match="kept for ever"):
        call_command("event_archive", "run")


@pytest.mark.parametrize(
    ("now", "months", "first"),
    [
        (datetime(2026, 6, 1, tzinfo=UTC), 2, date(2026, 4, 1)),
        (datetime(2026, 5, 31, 23, 59, 59, 999_999, tzinfo=UTC), 2, date(2026, 3, 1)),
        (datetime(2026, 1, 15, tzinfo=UTC), 1, date(2025, 12, 1)),
        (datetime(2026, 1, 15, tzinfo=UTC), 13, date(2024, 12, 1)),
    ],
)
def test_which_months_are_kept(now: datetime, months: int, first: date) -> None:
    assert first_kept_month(months, now) == first


def test_an_hour_that_usage_may_still_come_in_for_is_kept(db: None) -> None:
    site_update(changes={"late_after_hours": 24 * 100}, actor="test")
    assert first_kept_month(1, NOW) == date(2026, 3, 1)


# Interrupted and damaged


def test_what_a_crash_left_before_the_rows_is_written_again(used: Workspace, keep: Path) -> None:
    name = f"{used.public_id}/2026-01-0001.jsonl.gz"
    files.write(name, list(rows_of(used.pk, date(2026, 1, 1)))[:3], {})  # and then the process died
    (keep / used.public_id / ".2026-02-0001.jsonl.gz.draft").write_bytes(b"half a fi")
    assert run() == 21
    assert EventArchive.objects.get(file=name).events == 7
    call_command("event_archive", "verify", stdout=StringIO())
    assert not list(keep.rglob(".*"))


def test_what_a_crash_left_between_file_and_rows_is_finished_from_the_file(used: Workspace) -> None:
    begun = next(services.archive_month(used, date(2026, 1, 1)))
    assert begun.events == 7
    EventArchive.objects.update(thinned_at=None)  # the last rows, say, were not thinned any more
    usage_record(workspace_id=used.pk, source=SERVICE, now=NOW, event=detailed("new", at=NOW - timedelta(hours=1)))
    assert run() == 14
    assert EventArchive.objects.filter(thinned_at=None).count() == 0
    assert len(archived()) == 21
    assert verify().problems == []


def test_a_row_is_thinned_only_into_the_file_that_has_it(used: Workspace) -> None:
    """A crash after the file of January was known: its rows are whole, and their number is that of the file."""
    name = f"{used.public_id}/2026-01-0001.jsonl.gz"
    part = list(rows_of(used.pk, date(2026, 1, 1)))[:4]
    written = files.write(name, part, {})
    EventArchive.objects.create(
        workspace=used, month=date(2026, 1, 1), part=1, file=name, sha256=written.sha256, events=4, created_at=NOW
    )
    assert run() == 4 + 14
    assert set(UsageEvent.objects.filter(archive__file=name).values_list("pk", flat=True)) == {pk for pk, _ in part}


def test_a_file_that_was_lost_meanwhile_stops_everything(used: Workspace, keep: Path) -> None:
    next(services.archive_month(used, date(2026, 1, 1)))
    EventArchive.objects.update(thinned_at=None)
    path = keep / EventArchive.objects.get().file
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    before = dump()
    with pytest.raises(ArchiveDamaged, match="is not the file that was written"):
        run()
    path.unlink()
    (job,) = run_due(only="event_archive")
    assert "cannot be read" in job.error
    assert dump() == before


def test_parts_of_a_large_month_follow_each_other(used: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "PART", 3)
    with clock.at(NOW):
        assert archive_old_events(now=NOW, seconds=0) == 3  # its time is up after a file
        assert archive_old_events(now=NOW) == 18
    parts = EventArchive.objects.order_by("month", "part").values_list("month", "part", "events")
    assert [(month.month, part, events) for month, part, events in parts] == [
        (month, part, events) for month in (1, 2, 3) for part, events in ((1, 3), (2, 3), (3, 1))
    ]
    assert verify().problems == []
    call_command("event_archive", "verify", stdout=StringIO())


# The command


def called(*arguments: str) -> str:
    out = StringIO()
    call_command("event_archive", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_runs_lists_verifies_and_prints(used: Workspace, keep: Path) -> None:
    with clock.at(NOW):
        assert called("run") == "21 events archived.\n"
    name = f"{used.public_id}/2026-02-0001.jsonl.gz"
    assert f"{name}       7 events  sha256 " in called("list")
    assert "3 files are as they were written." in called("verify")
    lines = [json.loads(line) for line in called("print", name).splitlines()]
    assert {line["event_id"] for line in lines} == {"single1", "late1", *(f"b1-{index}" for index in range(5))}
    assert {line["metadata"]["trace"] for line in lines} == {'é"\n\\'}
    with pytest.raises(CommandError, match="knows no file"):
        called("print", "elsewhere")
    path = keep / name
    path.write_bytes(path.read_bytes() + b"\0")
    for arguments in (["verify"], ["print", name]):
        with pytest.raises(CommandError):
            called(*arguments)


# What the database refuses


@pytest.mark.parametrize(
    "column", ["amount", "event_id", "request_hash", "usage", "offset", "booked_at", "operation_id"]
)
def test_archiving_changes_nothing_else(used: Workspace, column: str) -> None:
    run()
    archive = EventArchive.objects.first()
    assert archive is not None
    value = {"amount": "1", "event_id": "'x'", "request_hash": "'x'", "usage": "'{}'", "booked_at": "now()"}
    change = f'UPDATE metering_usageevent SET archive_id = {archive.pk}, "{column}" = {value.get(column, "7")}'
    refused = pytest.raises(DatabaseError, match="kept as they were recorded")
    with connection.cursor() as cursor, refused, transaction.atomic():
        cursor.execute(f"{change} WHERE event_id = 'single5'")


def test_details_are_not_taken_out_without_a_file_of_the_workspace(used: Workspace) -> None:
    run()
    other = Workspace.objects.create(name="Other")
    foreign = EventArchive.objects.create(
        workspace=other, month=date(2026, 1, 1), part=1, file="x", sha256=bytes(32), events=1, created_at=NOW
    )
    row = UsageEvent.objects.filter(event_id="single5")
    changes: list[Callable[[], Any]] = [
        lambda: row.update(metadata={}),
        lambda: row.update(archive_id=10**9, metadata={}),
        lambda: row.update(archive=foreign, metadata={}),
        lambda: UsageEvent.objects.filter(event_id="odd0").update(archive=EventArchive.objects.first(), metadata={}),
        lambda: UsageEvent.objects.filter(event_id="single0").update(archive=None),
    ]
    for change in changes:
        with pytest.raises(DatabaseError, match="kept as they were recorded"), transaction.atomic():
            change()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        EventArchive.objects.filter(pk=foreign.pk).delete()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        EventArchive.objects.update(sha256=bytes(32))


def test_amounts_with_allowances_survive(workspace: Workspace, prices: None) -> None:
    from billing.metering.allowances import allowance_open
    from billing.metering.models import Allowance

    allowance_open(
        workspace_id=workspace.pk,
        meter="input_tokens",
        starts_at=START - MONTH,
        ends_at=START + MONTH,
        included=Decimal(5000),
    )
    usage_record(workspace_id=workspace.pk, source=SERVICE, now=START, event=event("one"))
    run()
    assert Allowance.objects.get().used == 1200
    usage_reverse(workspace_id=workspace.pk, pk=UsageEvent.objects.get().pk, reason="Test", actor="staff")
    assert Allowance.objects.get().used == 0
    assert verify().problems == []


def test_another_file_of_the_same_name_is_kept(settings: Any, tmp_path: Path) -> None:
    settings.ARCHIVE_DIR = str(tmp_path)
    first = files.write("w/2026-01-1.jsonl.gz", [(1, "{}")], {})
    files.write("w/2026-01-1.jsonl.gz", [(1, "{}")], {})
    other = files.write("w/2026-01-1.jsonl.gz", [(2, '{"of": "a copy"}')], {})
    names = sorted(path.name for path in (tmp_path / "w").iterdir() if path.suffix != ".json")
    assert names == ["2026-01-1.jsonl.gz", f"2026-01-1.jsonl.gz.{first.sha256.hex()[:16]}"]
    files.check("w/2026-01-1.jsonl.gz", other.sha256)
