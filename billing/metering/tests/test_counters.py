"""Prices that depend on the month's quantity: counted under the wallet lock, once, and taken out with the charge."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.site.services import site_update
from billing.ledger.models import Wallet
from billing.ledger.verify import verify
from billing.metering import hooks
from billing.metering.allowances import allowance_open
from billing.metering.archive.services import archive_old_events
from billing.metering.models import EndUserHour, MonthCount, UsageEvent
from billing.metering.record import usage_record
from billing.metering.reverse import usage_reverse
from billing.metering.tests.conftest import NOW, SERVICE, event, fund
from billing.metering.tests.pricing import price_appears
from billing.metering.tests.terms import EACH, METER, counted, earlier, off, speech, tiers
from billing.metering.unrated.charging import charge_waiting
from billing.pricing.agreed import Scope
from billing.pricing.agreements import override_add, schedule_add
from billing.pricing.approvals import markup_add
from billing.pricing.meters import peak_counter
from billing.pricing.models import Meter
from billing.pricing.services import changed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
Record = Callable[..., Any]


@pytest.fixture
def other(db: None) -> Workspace:
    return Workspace.objects.create(name="Globex")


STEPS = (off(1000, 50), off(2000, 100))


def adds_up() -> None:
    assert verify().problems == []


def test_a_graduated_step_splits_the_event_that_crosses_it(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    tiers(*STEPS, workspace=workspace)
    first, second = record(speech("a", 600)), record(speech("b", 600))
    assert first.nano == 600 * EACH
    assert second.nano == 400 * EACH + 200 * EACH // 2
    assert [(line.quantity, line.nano) for line in second.lines] == [(400, 400 * EACH), (200, 100 * EACH)]
    assert counted(workspace) == 1200
    stored = UsageEvent.objects.get(event_id="b").lines
    assert [(line.get("step"), line.get("off"), line["counter"]) for line in stored] == [
        (None, None, METER),
        ("1000", "50", METER),
    ]
    assert record(speech("b", 600)).replay
    assert counted(workspace) == 1200
    adds_up()


def test_a_batch_climbs_the_steps_in_its_order(batch: Record, record: Record, workspace: Workspace) -> None:
    fund(workspace)
    tiers(*STEPS, workspace=workspace)
    record(speech("a", 600))
    result = batch([speech("b", 600), speech("a", 600), speech("c", 600), speech("d", 600)])
    assert (result.accepted, result.duplicates) == (3, 1)
    costs = dict(UsageEvent.objects.values_list("event_id", "amount"))
    assert costs == {"a": 600 * EACH, "b": 500 * EACH, "c": 300 * EACH, "d": 100 * EACH}
    assert counted(workspace) == 2400
    adds_up()


def test_by_volume_the_event_that_reaches_a_step_is_whole_at_its_price(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    tiers(*STEPS, workspace=workspace, mode="volume")
    assert [record(speech(name, 500)).nano // EACH for name in "abc"] == [500, 250, 250]
    assert record(speech("d", 500)).nano == 0
    assert counted(workspace) == 2000
    adds_up()


def test_everybodys_tiers_count_for_each_workspace_alone(
    record: Record, workspace: Workspace, other: Workspace
) -> None:
    fund(workspace)
    tiers(*STEPS)
    record(speech("a", 1500))
    assert (counted(workspace), counted(other)) == (1500, None)


def test_what_is_included_does_not_count(record: Record, workspace: Workspace, noon: datetime) -> None:
    fund(workspace)
    tiers(*STEPS, workspace=workspace)
    allowance_open(
        workspace_id=workspace.pk,
        meter=METER,
        starts_at=noon - timedelta(days=1),
        ends_at=noon + timedelta(days=1),
        included=Decimal(400),
    )
    receipt = record(speech("a", 1500))
    assert receipt.nano == 1000 * EACH + 100 * EACH // 2
    assert [(line.quantity, line.from_allowance) for line in receipt.lines] == [(1400, 400), (100, 0)]
    assert counted(workspace) == 1100
    adds_up()


def test_each_month_begins_anew_and_a_late_event_counts_where_it_is_booked(
    record: Record, workspace: Workspace
) -> None:
    fund(workspace)
    tiers(*STEPS, workspace=workspace)
    april = datetime(2026, 4, 1, 0, 0, 30, tzinfo=UTC)
    record(speech("march", 900))
    with clock.at(april):
        in_time = record(speech("before midnight", 200, occurred_at=april - timedelta(minutes=1)))
        anew = record(speech("april", 200))
        late = record(speech("late", 900, occurred_at=NOW))
    assert in_time.nano == 100 * EACH + 50 * EACH
    assert anew.nano == 200 * EACH
    assert late.late
    assert late.nano == 800 * EACH + 50 * EACH
    assert (counted(workspace, at=NOW), counted(workspace, at=april)) == (1100, 1100)
    adds_up()


def test_a_reversal_takes_the_quantity_out_again(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    tiers(*STEPS, workspace=workspace)
    record(speech("a", 900))
    record(speech("b", 900))
    before = UsageEvent.objects.get(event_id="a")
    usage_reverse(workspace_id=workspace.pk, pk=before.pk, reason="wrong", actor="test")
    usage_reverse(workspace_id=workspace.pk, pk=before.pk, reason="wrong", actor="test")
    assert counted(workspace) == 900
    assert record(speech("c", 200)).nano == 100 * EACH + 50 * EACH
    adds_up()


def test_an_archived_event_can_be_reversed_and_verified(
    record: Record, workspace: Workspace, settings: Any, tmp_path: Any
) -> None:
    settings.ARCHIVE_DIR = str(tmp_path / "archive")
    site_update(changes={"event_detail_months": 2}, actor="test")
    fund(workspace)
    tiers(*STEPS, workspace=workspace)
    record(speech("a", 1500))
    with clock.at(datetime(2030, 1, 1, tzinfo=UTC)):
        archive_old_events()
        event = UsageEvent.objects.get(event_id="a")
        assert event.archive is not None
        assert [set(line) for line in event.lines] == [{"meter", "quantity", "from_allowance", "nano", "counter"}] * 2
        adds_up()
        usage_reverse(workspace_id=workspace.pk, pk=event.pk, reason="wrong", actor="test")
        assert counted(workspace, at=NOW) == 0
        adds_up()


def test_an_event_that_waited_for_its_price_counts_when_it_is_charged(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    tiers(off(1000, 50), workspace=workspace, meter="input_tokens")
    usage = {"input_tokens": 800, "output_tokens": 1}
    for name in ("a", "b"):
        assert record(event(name, model="acme/brain", usage=usage)).problem
    assert counted(workspace, "input_tokens") is None
    price_appears(input_tokens="1000", output_tokens="0")
    waiting = list(UsageEvent.objects.order_by("pk").values_list("pk", flat=True))
    assert charge_waiting(workspace_id=workspace.pk, pks=waiting) == 2
    costs = [row.amount // 10**6 for row in UsageEvent.objects.order_by("pk")]
    assert costs == [800 * 200, 200 * 200 + 600 * 100]
    assert counted(workspace, "input_tokens") == 1600
    assert charge_waiting(workspace_id=workspace.pk, pks=waiting) == 0
    assert counted(workspace, "input_tokens") == 1600
    adds_up()


def test_a_first_price_that_comes_while_the_lock_is_awaited_resets_no_counter(
    record: Record, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(workspace)
    tiers(off(1000, 50), workspace=workspace)
    record(speech("a", 900))
    monkeypatch.setattr("billing.metering.record.counts", lambda *_: False)  # as it was before there was a price
    assert record(speech("b", 200)).nano == 100 * EACH + 50 * EACH
    assert counted(workspace) == 1100


def test_a_schedule_that_replaces_another_goes_on_counting(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    tiers(off(1000, 50), workspace=workspace)
    record(speech("a", 900))
    later = NOW + timedelta(minutes=5)
    schedule_add(scope=Scope(meter=METER), mode="graduated", steps=[off(500, 25)], workspace=workspace, by="test")
    with clock.at(later):
        assert record(speech("b", 100)).nano == 75 * EACH
    assert counted(workspace) == 1000


def test_terms_that_change_at_noon_hold_for_what_happened_since(record: Record, workspace: Workspace) -> None:
    """Whatever the order in which events come: 11:59 pays the old price, 12:01 the new one."""
    fund(workspace)
    noon = NOW + timedelta(hours=1)
    scope = Scope("elevenlabs", "eleven_flash_v2_5", METER)
    override_add(workspace=workspace, scope=scope, price=Decimal("20"), per=1_000_000, effective_from=noon, by="test")
    before, after = noon - timedelta(minutes=1), noon + timedelta(minutes=1)
    with clock.at(after):
        paid = [record(speech(f"first {at:%H%M}", 1000, occurred_at=at)).nano for at in (after, before, noon)]
    with clock.at(after + timedelta(days=20)):
        late = [record(speech(f"late {at:%H%M}", 1000, occurred_at=at)) for at in (before, after)]
    assert paid == [500 * EACH, 1000 * EACH, 500 * EACH]
    assert [receipt.late for receipt in late] == [True, True]
    assert [receipt.nano for receipt in late] == [1000 * EACH, 500 * EACH]
    adds_up()


def test_lines_of_one_price_are_told_apart_by_what_was_applied(
    batch: Record, workspace: Workspace, other: Workspace, record: Record
) -> None:
    """The text of a line is kept by its price: a markup, an agreed price or a step must not be taken for another."""
    fund(workspace)
    fund(other, key="other")
    with earlier():
        override_add(workspace=other, scope=Scope(), percent=Decimal(0), by="test")
        markup_add(percent=Decimal(20), by="test")
    tiers(off(1000, 10), off(2000, 20), workspace=workspace)
    for name, whose in (("a", workspace), ("b", other)):
        usage_record(workspace_id=whose.pk, source=SERVICE, event=speech(name, 2500))
    lines = UsageEvent.objects.get(event_id="a").lines
    assert [(line["markup"], line.get("step"), line.get("off")) for line in lines] == [
        ("20", None, None),
        ("20", "1000", "10"),
        ("20", "2000", "20"),
    ]
    (own,) = UsageEvent.objects.get(event_id="b").lines
    assert (own["markup"], "override" in own, "step" in own) == ("0", True, False)


class TestHighest:
    """A meter of which the month's highest value is charged; $0.005 each, so one credit."""

    @pytest.fixture(autouse=True)
    def seats(self, prices: None) -> None:
        Meter.objects.create(key="seats", label="Seats", unit="seat", aggregation="max")
        Meter.objects.create(key="jobs", label="Jobs", unit="job", aggregation="count")
        changed()
        price_appears(seats="5000", jobs="10000")

    def test_an_event_is_charged_for_what_it_adds(self, record: Record, workspace: Workspace) -> None:
        fund(workspace)
        receipts = [record(self.used(name, seats=value)) for name, value in (("a", 5), ("b", 3), ("c", 8), ("d", 8))]
        assert [receipt.nano // 10**9 for receipt in receipts] == [5, 0, 3, 0]
        assert counted(workspace, peak_counter("seats")) == 8
        adds_up()

    def test_in_a_batch_too(self, batch: Record, workspace: Workspace) -> None:
        fund(workspace)
        result = batch([self.used(name, seats=value) for name, value in (("a", 5), ("b", 3), ("c", 8))])
        assert result.nano == 8 * 10**9
        adds_up()

    def test_a_reversal_gives_the_charge_back_and_the_high_stays(self, record: Record, workspace: Workspace) -> None:
        fund(workspace)
        record(self.used("a", seats=5))
        event = UsageEvent.objects.get()
        usage_reverse(workspace_id=workspace.pk, pk=event.pk, reason="wrong", actor="test")
        assert record(self.used("b", seats=6)).nano == 10**9
        assert counted(workspace, peak_counter("seats")) == 6
        adds_up()

    def test_each_month_has_a_high_of_its_own(self, record: Record, workspace: Workspace) -> None:
        fund(workspace)
        record(self.used("a", seats=5))
        with clock.at(NOW + timedelta(days=30)):
            assert record(self.used("b", seats=2)).nano == 2 * 10**9

    def test_of_a_counted_meter_every_event_counts_one(self, record: Record, workspace: Workspace) -> None:
        fund(workspace)
        first, second = record(self.used("a", jobs=17)), record(self.used("b", jobs="0.5"))
        assert [first.lines[0].quantity, second.nano] == [1, 2 * 10**9]
        assert not MonthCount.objects.exists()
        adds_up()

    def test_steps_count_what_is_charged(self, record: Record, workspace: Workspace) -> None:
        fund(workspace)
        tiers(off(6, 50), workspace=workspace, meter="seats")
        used = [self.used(name, seats=value) for name, value in (("a", 5), ("b", 3), ("c", 9))]
        assert [record(each).nano * 2 // 10**9 for each in used] == [10, 0, 5]
        assert (counted(workspace, "seats"), counted(workspace, peak_counter("seats"))) == (9, 9)
        adds_up()

    def test_one_that_waits_for_a_price_counts_once_it_is_charged(self, record: Record, workspace: Workspace) -> None:
        fund(workspace)
        assert record(self.used("a", seats=5, tokens=1)).problem == "unknown_meter"
        assert record(self.used("b", seats=3)).nano == 3 * 10**9
        price_appears(seats="5000", jobs="10000", tokens="0")
        waiting = UsageEvent.objects.get(event_id="a")
        assert charge_waiting(workspace_id=workspace.pk, pks=[waiting.pk]) == 1
        waiting.refresh_from_db()
        assert waiting.amount == 2 * 10**9
        adds_up()

    def test_priced_late_it_counts_for_its_end_user_as_priced_at_once(
        self, record: Record, workspace: Workspace
    ) -> None:
        fund(workspace)
        usage = {"seats": 5, "jobs": 7, "tokens": 2}
        assert record(event("a", model="acme/brain", usage=usage, end_user="ann")).problem == "unknown_meter"
        price_appears(seats="5000", jobs="10000", tokens="0")
        assert charge_waiting(workspace_id=workspace.pk, pks=[UsageEvent.objects.get().pk]) == 1
        record(event("b", model="acme/brain", usage=usage | {"seats": 10}, end_user="ben"))
        assert list(EndUserHour.objects.values_list("quantity", flat=True)) == [5 + 1 + 2] * 2
        adds_up()

    @staticmethod
    def used(event_id: str, **usage: Any) -> Any:
        return event(event_id, model="acme/brain", usage=usage)


def test_verification_finds_a_counter_that_was_changed(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    tiers(*STEPS, workspace=workspace)
    record(speech("a", 10))
    adds_up()
    MonthCount.objects.update(quantity=11)
    assert [(problem.code, problem.detail) for problem in verify().problems] == [
        ("month_count", f"{METER} of 2026-03 says 11.000000000, its events say 10")
    ]
    MonthCount.objects.all().delete()
    assert [problem.code for problem in verify().problems] == ["month_count"]


def test_a_workspace_without_terms_pays_no_statement(
    record: Record, workspace: Workspace, other: Workspace, trips: list[int]
) -> None:
    fund(workspace)
    tiers(*STEPS, workspace=other)
    record(speech("first", 1))
    trips.clear()
    record(speech("a", 1))
    plain = list(trips)
    tiers(*STEPS, workspace=workspace, provider="openai")  # none that concerns this model
    trips.clear()
    record(speech("b", 1))
    assert trips == plain
    tiers(*STEPS, workspace=workspace)
    trips.clear()
    record(speech("c", 1))
    assert [trip - before for trip, before in zip(trips, plain, strict=True)] == [1, 1]
    assert MonthCount.objects.values_list("month", "name").get() == (date(2026, 3, 1), METER)


def test_a_call_that_fails_leaves_counter_and_ledger_alone(
    record: Record, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(workspace)
    tiers(*STEPS, workspace=workspace)
    record(speech("a", 10))
    before = Wallet.objects.get(pk=workspace.pk).available

    def fails(*_: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(hooks, "spend_counters", [fails])
    monkeypatch.setattr("billing.metering.counting.spend_counters", [fails])
    with pytest.raises(RuntimeError):
        record(speech("b", 10))
    monkeypatch.undo()
    assert (counted(workspace), Wallet.objects.get(pk=workspace.pk).available) == (10, before)
    record(speech("b", 10))
    assert counted(workspace) == 20
    adds_up()
