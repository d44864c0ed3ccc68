"""Usage of before from a file: tried without a trace, taken in once, shown and never charged."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.ledger.selectors import balance
from billing.ledger.verify import verify
from billing.metering.models import EarlierUsage
from billing.metering.selectors.breakdown import breakdown
from billing.pricing.testing import import_demo_prices
from portal.moving.catalogue import KINDS
from portal.moving.kinds import Doer
from portal.moving.run import NotDone, import_do, import_try

pytestmark = pytest.mark.django_db
USAGE = KINDS["usage"]
HEAD = "workspace,day,model,meter,quantity,requests\n"


@pytest.fixture(autouse=True)
def moved(db: None, alice: User) -> Workspace:
    import_demo_prices()
    return Workspace.objects.create(name="Moved", external_id="c-1")


def file_of(*rows: str) -> bytes:
    return (HEAD + "".join(f"{row}\n" for row in rows)).encode()


GOOD = (
    "c-1,2026-01-30,openai/gpt-4o-mini,input_tokens,1250000,840",
    "c-1,2026-01-30,openai/gpt-4o-mini,output_tokens,310000.5,",
    "c-1,2026-01-31,,messages,12,12",
    "c-1,2026-01-31,acme/brain,input_tokens,7,1",
)


def test_tried_then_taken_in_once(moved: Workspace) -> None:
    data = file_of(*GOOD)
    trial = import_try(USAGE, data)
    assert trial.problems == []
    assert dict(trial.facts) == {
        "Rows taken in": "4",
        "Workspaces": "1",
        "Requests": "853",
        "Days": "2026-01-30 to 2026-01-31",
        "Rows there already, left as they are": "0",
    }
    assert trial.first[1] == [
        "Moved",
        "2026-01-30",
        "openai/gpt-4o-mini",
        "output_tokens",
        "310,000.5",
        "0",
        "taken in",
    ]
    assert not EarlierUsage.objects.exists()
    import_do(USAGE, data, file_name="usage.csv", doer=Doer("test"))
    since = clock.now().replace(year=2026, month=1, day=1)
    found = breakdown(moved, by="model", since=since, until=since + timedelta(days=60))
    assert {(row.key, row.requests, row.nano) for row in found} == {
        ("openai/gpt-4o-mini", 840, 0),
        ("acme/brain", 1, 0),
        ("", 12, 0),
    }
    assert balance(moved.pk).available == 0
    assert AuditEntry.objects.get(action="usage.imported").after == {"rows": 4, "requests": 853}
    assert verify().ok
    again = import_try(USAGE, file_of(*GOOD, "c-1,2026-02-01,,messages,1,1"))
    assert dict(again.facts)["Rows there already, left as they are"] == "4"
    import_do(USAGE, file_of(*GOOD, "c-1,2026-02-01,,messages,1,1"), file_name="more.csv", doer=Doer("test"))
    assert EarlierUsage.objects.count() == 5
    assert verify().ok


@pytest.mark.parametrize(
    ("row", "column", "said"),
    [
        ("c-9,2026-01-30,,messages,1,1", "workspace", "Import the workspaces first"),
        ("c-1,30.01.2026,,messages,1,1", "day", "year-month-day"),
        ("c-1,2999-01-30,,messages,1,1", "day", "counts by itself"),
        ("c-1,2026-01-30,,mesages,1,1", "meter", "There is no meter"),
        ("c-1,2026-01-30,,messages,-1,1", "quantity", "is no number"),
        ("c-1,2026-01-30,,messages,1.0000000001,1", "quantity", "At most 9 decimals"),
        ("c-1,2026-01-30,,messages,2000000000000,1", "quantity", "At most 9 decimals and 1,000,000,000,000"),
        ("c-1,2026-01-30,,messages,1,1.5", "requests", "Whole numbers"),
        ("c-1,2026-01-30,,messages,0,", "quantity", "Nothing was used"),
        ("c-1,2026-01-30," + "a" * 201 + ",messages,1,1", "model", "At most 200 characters"),
        (GOOD[0], "meter", "Line 2 has this meter of that day already"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_done(row: str, column: str, said: str) -> None:
    data = file_of(GOOD[0], row)
    (problem,) = import_try(USAGE, data).problems
    assert (problem.line, problem.column) == (3, column)
    assert said in problem.text
    with pytest.raises(NotDone):
        import_do(USAGE, data, file_name="usage.csv", doer=Doer("test"))
    assert not EarlierUsage.objects.exists()


def test_ten_thousand_rows_are_in_within_a_minute() -> None:
    first = clock.now().date() - timedelta(days=2_600)
    days = (first + timedelta(days=each) for each in range(2_500))
    meters = ("input_tokens", "output_tokens", "cached_input_tokens", "messages")
    rows = [f"c-1,{day},,{meter},{number + 1},1" for day in days for number, meter in enumerate(meters)]
    started = time.monotonic()
    import_do(USAGE, file_of(*rows), file_name="usage.csv", doer=Doer("test"))
    assert time.monotonic() - started < 60
    assert EarlierUsage.objects.count() == 10_000


def test_the_command_does_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "usage.csv"
    path.write_bytes(file_of(*GOOD))
    call_command("import_usage", str(path))
    assert not EarlierUsage.objects.exists()
    call_command("import_usage", str(path), "--do", "--reason", "moving in")
    assert EarlierUsage.objects.count() == 4
    assert "4" in capsys.readouterr().out
