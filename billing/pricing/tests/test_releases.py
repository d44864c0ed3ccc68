"""Real releases of a catalogue, one after the other: what is added, changed, held and retired."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.models import User
from billing.foundation.outbox.models import OutboxMessage
from billing.pricing.alarm import standing_alarms
from billing.pricing.models import CatalogModel, PriceChange, PriceImport, PriceLine, PriceSource
from billing.pricing.services import import_reading
from billing.pricing.tests.releases import DATA, release
from billing.pricing.tests.test_import import DAY1, DAY2, MINUTE

pytestmark = pytest.mark.django_db


def counts(version: str) -> dict[str, int]:
    """By the record of its import."""
    return dict(Counter(PriceImport.objects.get(version=version).changes.values_list("kind", flat=True)))


def test_releases_in_order_do_what_they_should() -> None:
    reports = [
        import_reading(release(version), now=DAY1 + timedelta(days=30 * number))
        for number, version in enumerate(("0.1.13", "0.2.0", "0.2.3"))
    ]
    told = [(r.added, r.changed, r.held, r.retired, r.unchanged, r.clashes) for r in reports]
    assert told == [(5423, 0, 0, 0, 0, 0), (2059, 4, 20, 3, 5396, 0), (501, 7, 20, 0, 7452, 0)]
    assert counts("0.2.0") == {"added": 2059, "changed": 4, "held": 20, "retired": 3}
    reasons = PriceChange.objects.filter(imported__version="0.2.0", kind="held").values_list("note", flat=True)
    assert all(reason.startswith("jump of ") for reason in reasons)
    # One of the changes: azure's o4-mini, whose cached tokens became cheaper.
    change = PriceChange.objects.get(imported__version="0.2.0", kind="changed", line__model="o4-mini")
    assert (f"{change.old.price.normalize()}", f"{change.line.price.normalize()}") == ("0.28", "0.275")
    assert change.old.effective_to == change.line.effective_from == DAY1 + timedelta(days=30) + MINUTE
    # What waits is asked once, whatever the next release repeats.
    assert PriceLine.objects.filter(status="pending").count() == 20
    again = PriceChange.objects.filter(imported__version="0.2.3", kind="held").values_list("note", flat=True)
    assert all(note.endswith("; waits since before") for note in again)
    assert CatalogModel.objects.get(model="grok-4.20-multi-agent").retired_at is not None
    assert PriceLine.objects.filter(model="grok-4.20-multi-agent", effective_to=None).count() == 3


def test_a_catalogue_without_15_percent_of_its_lines_changes_nothing_and_alarms() -> None:
    User.objects.create_superuser("olga@example.com", "correct horse 9")
    whole = release("0.1.13")
    import_reading(whole, now=DAY1)
    before = list(PriceLine.objects.order_by("pk").values())
    missing = len(whole.rows) * 15 // 100
    truncated = replace(release("0.2.0"), rows=whole.rows[missing:])
    report = import_reading(truncated, now=DAY2)
    assert report.abort == f"{missing:,} of {len(whole.rows):,} lines vanished"
    assert list(PriceLine.objects.order_by("pk").values()) == before
    source = PriceSource.objects.get(name="genai-prices")
    assert (source.error, source.failing_since, source.read_at) == (report.abort, DAY2, DAY1)
    assert [alarm for alarm in standing_alarms() if report.abort in alarm]
    mail = OutboxMessage.objects.get()
    assert (mail.kind, mail.to) == ("price.source", ["olga@example.com"])
    assert report.abort in mail.text
    assert PriceImport.objects.latest("pk").changes.filter(kind="missing").count() == missing
    # Tried again it is neither recorded nor told twice; the whole catalogue ends the alarm.
    import_reading(truncated, now=DAY2 + timedelta(hours=1))
    assert (PriceImport.objects.count(), OutboxMessage.objects.count()) == (2, 1)
    assert import_reading(whole, now=DAY2 + timedelta(hours=2)).noop
    assert standing_alarms() == []


def test_the_extracts_are_small_and_say_whose_they_are() -> None:
    assert "MIT License" in (DATA / "NOTICE.md").read_text()
    assert all(path.stat().st_size < 150_000 for path in DATA.glob("*.gz"))
