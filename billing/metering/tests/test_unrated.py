"""Events without a price are charged once there is one: as if it had been there, once, and nothing else changes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.foundation.site.services import site_update
from billing.ledger.models import Operation, Transfer, Wallet
from billing.ledger.tests.helpers import place
from billing.ledger.verify import verify
from billing.metering import counting
from billing.metering.allowances import allowance_open
from billing.metering.errors import EventConflict
from billing.metering.events import Source
from billing.metering.models import Allowance, HourTotal, HourUsage, UsageEvent
from billing.metering.record import usage_record
from billing.metering.reverse import usage_reverse
from billing.metering.selectors.breakdown import breakdown
from billing.metering.selectors.receipts import receipt
from billing.metering.tasks import CHARGING
from billing.metering.tests.conftest import HOUR, NOW, SERVICE, event, fund
from billing.metering.tests.helpers import rewriting
from billing.metering.tests.pricing import price_appears
from billing.metering.unrated.charging import charge_waiting
from billing.pricing.services import import_reading
from billing.pricing.sources.rows import ModelRow, PriceRow, Reading, dims_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
Record = Callable[..., Any]
COST = 360_000_000  # 1,200 in at $1 and 300 out at $2 per million, at $0.005 a credit: 0.36 credits


def brain(event_id: str = "odd", **fields: Any) -> Any:
    return event(event_id, model="acme/brain", **fields)


def charge() -> None:
    (run,) = run_due(only=CHARGING)
    assert run.error == ""


def stored(event_id: str = "odd") -> UsageEvent:
    return UsageEvent.objects.get(event_id=event_id)


def test_a_first_price_charges_what_waited(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    assert record(brain()).problem == "unknown_model"
    charge()
    assert stored().problem == "unknown_model"  # there is no price yet
    price_appears()
    with clock.at(NOW + 3 * HOUR):
        charge()
    row = stored()
    assert (row.problem, row.unrated_as, row.priced_at) == ("", "unknown_model", NOW + 3 * HOUR)
    assert (row.amount, row.cost_usd) == (COST, Decimal("0.0018"))
    assert [line["nano"] for line in row.lines] == [240_000_000, 120_000_000]
    assert row.operation is not None
    assert row.operation.key == f"price:{row.pk}"
    assert Wallet.objects.get().available == 100 * 10**9 - COST
    transfer = Transfer.objects.get(operation=row.operation)
    assert (transfer.kind, transfer.occurred_at, transfer.created_at) == ("usage.spend", NOW, NOW + 3 * HOUR)
    assert verify().problems == []


def test_it_is_charged_once_however_often_the_job_runs(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(brain())
    price_appears()
    for _ in range(3):
        charge()
    assert charge_waiting(workspace_id=workspace.pk, pks=[stored().pk]) == 0
    assert Wallet.objects.get().available == 100 * 10**9 - COST
    assert Operation.objects.filter(key__startswith="price:").count() == 1


def test_it_counts_in_the_hour_it_was_booked_in_and_the_request_once(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(brain(occurred_at=NOW - 5 * HOUR, agent="a", project="p"))
    record(event("other", occurred_at=NOW - 5 * HOUR))
    price_appears()
    with clock.at(NOW + timedelta(days=9)):
        charge()
    total = HourTotal.objects.get(requests__gt=0)
    assert (total.hour, total.amount, total.requests) == (datetime(2026, 3, 10, 7, tzinfo=UTC), COST + 72_000_000, 2)
    rows = breakdown(workspace, by="model", since=NOW - 6 * HOUR, until=NOW)
    assert [(row.key, row.nano, row.requests, row.tokens) for row in rows] == [
        ("acme/brain", COST, 1, Decimal(1500)),
        ("openai/gpt-4o-mini", 72_000_000, 1, Decimal(1500)),
    ]
    assert verify().problems == []


def test_its_end_user_is_charged_and_not_counted_again(record: Record, workspace: Workspace) -> None:
    record(brain(end_user="u1"))
    record(brain("odd2", end_user="u2", occurred_at=NOW - HOUR))
    record(event("rated", end_user="u1"))
    price_appears(input_tokens="1", output_tokens="2", requests="1000")  # with a fee of $0.001 per request
    charge()
    rows = breakdown(workspace, by="end_user", since=NOW - 2 * HOUR, until=NOW + HOUR)
    each = COST + 200_000_000
    assert [(row.key, row.nano, row.requests, row.tokens) for row in rows] == [
        ("u1", each + 72_000_000, 2, Decimal(3000)),
        ("u2", each, 1, Decimal(1500)),
    ]
    assert verify().problems == []
    usage_reverse(workspace_id=workspace.pk, pk=stored().pk, reason="Test", actor="staff")
    assert verify().problems == []


def test_a_charge_without_credits_becomes_debt(record: Record, workspace: Workspace) -> None:
    record(brain())
    price_appears()
    charge()
    assert Wallet.objects.get().debt == COST
    assert verify().problems == []


def test_the_price_in_force_when_it_occurred_counts(record: Record, workspace: Workspace) -> None:
    """A meter gets its first price, then another one, before anything is charged: the first one held since ever."""
    record(brain(usage={"sparkles": 1_000_000}))
    price_appears(sparkles="1")
    with clock.at(NOW + HOUR):
        price_appears(sparkles="1.1")
    with clock.at(NOW + 2 * HOUR):
        charge()
    assert stored().amount == 200 * 10**9


def test_an_alias_moves_its_quantities_to_the_model(record: Record, workspace: Workspace) -> None:
    record(event("odd", model="brainy"))
    (row,) = breakdown(workspace, by="model", since=NOW - HOUR, until=NOW + HOUR)
    assert (row.key, row.requests) == ("brainy", 1)
    price_appears(aliases=("brainy",))
    charge()
    row = stored()
    assert (row.provider, row.model) == ("acme", "brain")
    (shown,) = breakdown(workspace, by="model", since=NOW - HOUR, until=NOW + HOUR)
    assert (shown.key, shown.nano, shown.requests, shown.tokens) == ("acme/brain", COST, 1, Decimal(1500))
    assert verify().problems == []


def test_what_was_summed_as_other_moves_to_its_own_series(record: Record, workspace: Workspace) -> None:
    site_update(changes={"max_breakdown_values": 0}, actor="test")
    record(brain(agent="a"))
    record(event("odd2", model="acme/other", agent="a"))
    site_update(changes={"max_breakdown_values": 500}, actor="test")
    price_appears()
    charge()
    found = {
        (used.series.model, used.series.meter, used.series.agent): (used.quantity, used.amount, used.requests)
        for used in HourUsage.objects.select_related("series")
    }
    assert found == {
        ("other", "other", "other"): (1500, 0, 1),
        ("brain", "input_tokens", "a"): (1200, 240_000_000, 1),
        ("brain", "output_tokens", "a"): (300, 120_000_000, 0),
    }
    assert verify().problems == []
    usage_reverse(workspace_id=workspace.pk, pk=stored().pk, reason="Wrong price", actor="staff")
    assert verify().problems == []


def test_a_price_that_covers_only_some_of_its_meters_charges_nothing(record: Record, workspace: Workspace) -> None:
    record(brain(usage={"input_tokens": 1000, "sparkles": 3}))
    price_appears()
    charge()
    assert (stored().problem, stored().priced_at) == ("unknown_model", None)
    price_appears(input_tokens="1", output_tokens="2", sparkles="3")
    charge()
    assert stored().amount == 200_000_000 + 1_800_000
    assert verify().problems == []


def test_a_price_from_now_on_does_not_reach_back(record: Record, workspace: Workspace) -> None:
    """A new variant of a meter that had a price counts from a minute after its import on; staff decide of what waits
    (test_unrated_decided).
    """
    price_appears()
    record(brain(usage={"images": 1}, variant={"size": "huge"}))
    rows = [PriceRow("acme", "brain", "images", "image", Decimal(1), 1, dims_of(size="small"))]
    import_reading(Reading("bundled", "1", rows, [ModelRow("acme", "brain", "brain", "image")]))
    rows.append(PriceRow("acme", "brain", "images", "image", Decimal(1), 1, dims_of(size="huge")))
    import_reading(Reading("bundled", "2", rows, [ModelRow("acme", "brain", "brain", "image")]))
    with clock.at(NOW + HOUR):
        charge()
        assert stored().problem == "unknown_meter"


def test_a_free_price_ends_the_waiting_without_an_operation(record: Record, workspace: Workspace) -> None:
    record(brain())
    price_appears(input_tokens="0", output_tokens="0")
    charge()
    row = stored()
    assert (row.problem, row.unrated_as, row.amount, row.operation_id) == ("", "unknown_model", 0, None)
    assert verify().problems == []


def test_included_quantities_of_its_period_come_first(record: Record, workspace: Workspace) -> None:
    """Also when that period has ended meanwhile: what it included was paid for."""
    allowance_open(
        workspace_id=workspace.pk,
        meter="input_tokens",
        starts_at=NOW - timedelta(days=9),
        ends_at=NOW + HOUR,
        included=Decimal(1000),
    )
    record(brain())
    price_appears()
    with clock.at(NOW + timedelta(days=1)):
        charge()
    row = stored()
    assert row.amount == 40_000_000 + 120_000_000
    assert [line["from_allowance"] for line in row.lines] == ["1000", "0"]
    assert Allowance.objects.get().used == 1000
    assert verify().problems == []


def test_a_replay_answers_as_the_first_time(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    first = record(brain(occurred_at=NOW))
    price_appears()
    charge()
    again = record(brain(occurred_at=NOW))
    assert again.replay
    assert (again.nano, again.lines, again.problem, again.cost_usd) == (0, (), "unknown_model", 0)
    assert again.balance.available == first.balance.available == 100 * 10**9
    with pytest.raises(EventConflict):
        record(brain(occurred_at=NOW, agent="another"))


def test_a_batch_counts_it_as_a_duplicate(batch: Record, workspace: Workspace) -> None:
    batch([brain(occurred_at=NOW)])
    price_appears()
    charge()
    result = batch([brain(occurred_at=NOW), brain("new", occurred_at=NOW)])
    assert (result.accepted, result.duplicates, result.unrated, result.nano) == (1, 1, [], COST)
    assert verify().problems == []


def test_one_of_a_batch_has_an_operation_of_its_own(batch: Record, workspace: Workspace) -> None:
    """It stood after others in the batch; in its own charge it is the first."""
    lots = [fund(workspace, 1, key="first"), fund(workspace, 1, key="second")]
    batch([event(f"rated{index}", usage={"input_tokens": 12_000, "output_tokens": 3_000}) for index in range(1)])
    batch([event("rated"), brain(), event("after")])
    assert stored().offset == 72_000_000
    price_appears()
    charge()
    assert (stored().offset, stored().amount) == (0, COST)
    found = receipt(workspace.pk, event_id="odd")
    assert found is not None
    assert [(paid.lot_id, paid.nano) for paid in found.paid] == [(lots[0], 136_000_000), (lots[1], 224_000_000)]
    assert verify().problems == []
    for event_id in ("odd", "after", "rated"):
        usage_reverse(workspace_id=workspace.pk, pk=stored(event_id).pk, reason="Test", actor="staff")
    assert verify().problems == []


def test_the_receipt_shows_what_paid_for_it(record: Record, workspace: Workspace) -> None:
    lot = fund(workspace)
    record(brain())
    price_appears()
    charge()
    found = receipt(workspace.pk, event_id="odd")
    assert found is not None
    assert [(paid.lot_id, paid.nano) for paid in found.paid] == [(lot, COST)]
    assert [line.nano for line in found.lines] == [240_000_000, 120_000_000]
    assert found.event.priced_at == NOW


def test_it_can_be_given_back(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(brain(agent="a"))
    price_appears()
    charge()
    result = usage_reverse(workspace_id=workspace.pk, pk=stored().pk, reason="Too dear", actor="staff")
    assert (result.amount, result.returned, result.balance.available) == (COST, COST, 100 * 10**9)
    assert list(HourTotal.objects.values_list("amount", "reversed", "requests")) == [(0, COST, 1)]
    assert verify().problems == []


@pytest.mark.parametrize("expired", [False, True])
def test_one_that_named_a_hold_is_charged_to_the_balance(record: Record, workspace: Workspace, expired: bool) -> None:
    fund(workspace)
    hold = place(workspace.pk, 10**9, now=NOW, seconds=60)
    with clock.at(NOW + timedelta(seconds=61 if expired else 1)):
        assert record(brain(hold=hold)).hold_status == ("expired" if expired else "settled")
        price_appears()
        charge()
    assert (Wallet.objects.get().available, Wallet.objects.get().held) == (100 * 10**9 - COST, 0)
    assert verify().problems == []


def test_one_that_the_ledger_cannot_hold_keeps_no_other_waiting(record: Record, workspace: Workspace) -> None:
    record(brain("huge", usage={"sparkles": 10**12}))
    record(brain("small", usage={"sparkles": 1}))
    for index in range(8):
        record(brain(f"large{index}", usage={"sparkles": 5 * 10**6}))
    price_appears(sparkles="1000000")
    charge()
    assert stored("huge").problem == "unknown_model"
    assert stored("small").amount == 200 * 10**9
    charged = UsageEvent.objects.filter(event_id__startswith="large", problem="").count()
    assert 0 < charged < 10
    assert verify().problems == []


def test_events_of_several_keys_and_origins_go_to_their_own_series(
    workspace: Workspace, prices: None, workspace_key: Callable[..., Any]
) -> None:
    key, _ = workspace_key()
    for source in (SERVICE, Source("workspace", api_key_id=key.pk), Source("ce:https://gateway")):
        usage_record(workspace_id=workspace.pk, source=source, event=brain())
    price_appears()
    charge()
    rows = breakdown(workspace, by="key", since=NOW - HOUR, until=NOW + HOUR)
    assert sorted((row.key, row.nano, row.requests) for row in rows) == [("", 2 * COST, 2), (str(key.pk), COST, 1)]
    assert verify().problems == []


def test_packages_above_count_it_as_what_its_reporter_spent(
    record: Record, workspace: Workspace, workspace_key: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Any] = []

    def count(_book: Any, source: Source, spends: Any) -> list[Any]:
        counted.append((source.origin, source.api_key_id, [(spend.booked_at, spend.amount) for spend in spends]))
        return []

    key, _ = workspace_key()
    for index in range(2):
        record(brain(f"odd{index}"), Source("workspace", api_key_id=key.pk))
    monkeypatch.setattr(counting, "spend_counters", [count])
    price_appears()
    charge()
    assert counted == [("workspace", key.pk, [(NOW, COST)] * 2)]


def test_an_event_is_changed_in_no_other_way(record: Record, workspace: Workspace) -> None:
    record(event("rated"))
    record(brain())
    rated, waiting = UsageEvent.objects.filter(event_id="rated"), UsageEvent.objects.filter(event_id="odd")
    changes: list[Callable[[], Any]] = [
        lambda: rated.update(amount=1),
        lambda: rated.update(event_id="other"),
        lambda: rated.update(occurred_at=NOW - HOUR),
        lambda: rated.update(unrated_as="unknown_model", priced_at=NOW),
        lambda: rated.delete(),
        lambda: waiting.update(problem=""),
        lambda: waiting.update(problem="", unrated_as="unknown_meter", priced_at=NOW),
        lambda: waiting.update(problem="", unrated_as="unknown_model", priced_at=NOW, end_user="someone"),
        lambda: waiting.update(request_hash=bytes(32)),
    ]
    for change in changes:
        with pytest.raises(DatabaseError, match="kept as they were recorded"), transaction.atomic():
            change()
    assert rated.update(amount=72_000_000) == 1  # nothing changes
    price_appears()
    charge()
    with pytest.raises(DatabaseError, match="kept as they were recorded"), transaction.atomic():
        waiting.update(amount=1)


@pytest.mark.parametrize("change", [{"priced_at": None}, {"unrated_as": None}, {"problem": "unknown_model"}])
def test_that_it_waited_is_said_whole(record: Record, workspace: Workspace, change: dict[str, Any]) -> None:
    record(brain())
    price_appears(input_tokens="0", output_tokens="0")
    charge()
    with pytest.raises(IntegrityError, match="usage_event_priced_once"), transaction.atomic(), rewriting():
        UsageEvent.objects.update(**change)
