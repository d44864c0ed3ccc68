"""Events that no price of their own time covers: staff let the first prices after them count, or charge nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.due.registry import run_due
from billing.ledger.models import Operation, Wallet
from billing.ledger.verify import verify
from billing.metering.models import HourTotal, MonthCount, UsageEvent
from billing.metering.selectors.breakdown import breakdown
from billing.metering.selectors.receipts import receipt
from billing.metering.tasks import CHARGING
from billing.metering.tests.conftest import HOUR, NOW, event, fund
from billing.metering.tests.pricing import price_appears
from billing.metering.unrated.charging import Way, charge_waiting
from billing.metering.unrated.instants import later_price
from billing.metering.unrated.waiting import groups, how_many, of_group
from billing.pricing.models import Meter
from billing.pricing.services import import_reading
from billing.pricing.sources.rows import ModelRow, PriceRow, Reading, dims_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
Record = Callable[..., Any]
DAY = timedelta(days=1)


def video_prices(*rows: tuple[str, dict[str, str]], at: datetime) -> None:
    """A reading: USD per second of video, by variant."""
    prices = [PriceRow("acme", "film", "video_seconds", "second", Decimal(usd), 1, dims_of(**of)) for usd, of in rows]
    reading = Reading("litellm", f"{at:%H:%M} {len(rows)}", prices, [ModelRow("acme", "film", "Film", "video")])
    import_reading(reading, now=at)


def film(event_id: str, seconds: int = 1, **fields: Any) -> Any:
    variant = {"resolution": fields.pop("resolution", "4k"), **fields.pop("variant", {})}
    return event(event_id, model="acme/film", usage={"video_seconds": seconds}, variant=variant, **fields)


def stored(event_id: str) -> UsageEvent:
    return UsageEvent.objects.get(event_id=event_id)


def job() -> None:
    (run,) = run_due(only=CHARGING)
    assert run.error == ""


def decide(workspace: Workspace, way: Way, *event_ids: str) -> int:
    pks = list(UsageEvent.objects.filter(event_id__in=event_ids).values_list("pk", flat=True))
    return charge_waiting(workspace_id=workspace.pk, pks=pks, way=way)


SMALL, LARGE = ("1", {"resolution": "720p"}), ("2", {"resolution": "4k"})


@pytest.fixture
def waiting(record: Record, workspace: Workspace) -> None:
    """A price of 720p; then a second in 4k and one in 720p at noon; and a price of 4k an hour later."""
    fund(workspace, 1000)
    video_prices(SMALL, at=NOW)
    record(film("small", resolution="720p"))
    assert record(film("large")).problem == "unknown_meter"
    with clock.at(NOW + HOUR):
        video_prices(SMALL, LARGE, at=NOW + HOUR)


def test_a_new_variant_charges_what_waited_once_it_is_decided(waiting: None, workspace: Workspace) -> None:
    before = UsageEvent.objects.filter(event_id="small").values().get()
    with clock.at(NOW + 2 * HOUR):
        job()
        assert stored("large").problem == "unknown_meter"
        assert decide(workspace, Way.LATER, "large", "small") == 1
        assert decide(workspace, Way.LATER, "large", "small") == 0
        assert decide(workspace, Way.NOTHING, "large", "small") == 0
        job()
    row = stored("large")
    assert (row.problem, row.unrated_as, row.priced_at) == ("", "unknown_meter", NOW + 2 * HOUR)
    assert (row.amount, [line["price"] for line in row.lines]) == (400 * NANO, ["2"])
    assert UsageEvent.objects.filter(event_id="small").values().get() == before
    assert Operation.objects.filter(key__startswith="price:").count() == 1
    assert Wallet.objects.get().available == (1000 - 200 - 400) * NANO
    assert HourTotal.objects.get(hour=NOW.replace(minute=0)).amount == 600 * NANO
    found = receipt(workspace.pk, event_id="large")
    assert found is not None
    assert sum(paid.nano for paid in found.paid) == 400 * NANO
    assert verify().problems == []


def test_the_first_price_after_it_counts_and_not_the_present_one(waiting: None, workspace: Workspace) -> None:
    with clock.at(NOW + DAY):
        video_prices(SMALL, ("2.2", {"resolution": "4k"}), at=NOW + DAY)
    with clock.at(NOW + 3 * DAY):
        assert later_price(stored("large"), clock.now()) == NOW + HOUR + timedelta(seconds=60)
        assert decide(workspace, Way.LATER, "large") == 1
    assert stored("large").amount == 400 * NANO


def test_a_price_that_is_still_to_come_does_not_count(waiting: None, workspace: Workspace) -> None:
    with clock.at(NOW + HOUR):  # it begins in a minute
        assert decide(workspace, Way.LATER, "large") == 0
    assert stored("large").problem == "unknown_meter"


def test_what_a_price_of_its_own_time_covers_keeps_that(record: Record, workspace: Workspace) -> None:
    """It waited for the first price of a meter, which has become another one since."""
    record(event("odd", model="acme/brain", usage={"sparkles": 1_000_000}))
    price_appears(sparkles="1")
    with clock.at(NOW + HOUR):
        price_appears(sparkles="1.1")
    with clock.at(NOW + 2 * HOUR):
        assert decide(workspace, Way.NOTHING, "odd") == 0
        assert decide(workspace, Way.LATER, "odd") == 1
    assert stored("odd").amount == 200 * NANO


def test_what_a_less_specific_price_charged_is_not_charged_anew(record: Record, workspace: Workspace) -> None:
    fund(workspace, 1000)
    video_prices(("1", {}), at=NOW)
    record(film("plain"))
    video_prices(("1", {}), LARGE, at=NOW + HOUR)
    with clock.at(NOW + 2 * HOUR):
        assert decide(workspace, Way.LATER, "plain") == decide(workspace, Way.NOTHING, "plain") == 0
        record(film("late", occurred_at=NOW))  # reported now, and priced as it was then
    assert (stored("plain").amount, stored("late").amount) == (200 * NANO, 200 * NANO)
    assert verify().problems == []


def test_the_time_of_day_is_its_own(record: Record, workspace: Workspace) -> None:
    video_prices(SMALL, at=NOW)
    record(film("large"))
    night = ("0.5", {"resolution": "4k", "utc_window": "13:00-24:00"})
    with clock.at(NOW + HOUR):
        video_prices(SMALL, LARGE, night, at=NOW + HOUR)
    row = stored("large")
    assert later_price(row, NOW + DAY - HOUR) is None
    assert later_price(row, NOW + DAY) == NOW + DAY
    with clock.at(NOW + DAY):
        assert decide(workspace, Way.LATER, "large") == 1
    assert stored("large").amount == 400 * NANO


def test_nothing_is_charged_and_it_waits_no_more(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    first = record(event("odd", model="acme/brian", occurred_at=NOW, end_user="u1"))
    with clock.at(NOW + HOUR):
        assert decide(workspace, Way.NOTHING, "odd") == 1
        assert decide(workspace, Way.NOTHING, "odd") == 0
    row = stored("odd")
    assert (row.problem, row.unrated_as, row.priced_at) == ("", "unknown_model", NOW + HOUR)
    assert (row.amount, row.lines, row.operation_id, how_many()) == (0, [], None, 0)
    price_appears("acme/brian")
    job()
    assert stored("odd").amount == 0
    again = record(event("odd", model="acme/brian", occurred_at=NOW, end_user="u1"))
    assert (again.replay, again.problem, again.nano) == (True, first.problem, 0)
    (shown,) = breakdown(workspace, by="model", since=NOW - HOUR, until=NOW + HOUR)
    assert (shown.key, shown.nano, shown.requests, shown.tokens) == ("acme/brian", 0, 1, Decimal(1500))
    assert Wallet.objects.get().available == 100 * NANO
    assert verify().problems == []


def test_a_highest_value_that_costs_nothing_was_reached_all_the_same(record: Record, workspace: Workspace) -> None:
    Meter.objects.create(key="seats", label="Seats", unit="seat", aggregation="max", platform=True)
    record(event("odd", model="", usage={"seats": 7}))
    assert decide(workspace, Way.NOTHING, "odd") == 1
    assert list(MonthCount.objects.values_list("name", "quantity")) == [("highest seats", 7)]
    assert verify().problems == []


def test_a_group_is_all_that_waits_for_the_same(waiting: None, record: Record, workspace: Workspace) -> None:
    record(film("second", 5))
    record(film("third", resolution="8k"))
    record(event("fourth", model="acme/film", usage={"video_seconds": 1, "images": 1}, variant={"resolution": "4k"}))
    with clock.at(NOW + 2 * HOUR):
        found = {group.events: group for group in groups()}
        began = NOW + HOUR + timedelta(seconds=60)
        assert (found[2].sample, found[2].reached_at, found[1].reached_at) == (stored("large").pk, began, None)
        assert "no price for variant resolution=4k" in found[2].detail
        both = [stored("large").pk, stored("second").pk]
        assert list(of_group(found[2].sample)) == [(workspace.pk, both)]
        assert charge_waiting(workspace_id=workspace.pk, pks=both, way=Way.LATER) == 2
        assert list(of_group(found[2].sample)) == []
    assert stored("second").amount == 2_000 * NANO
    assert how_many() == 2
    assert verify().problems == []


def test_a_price_that_ended_before_does_not_count(record: Record, workspace: Workspace) -> None:
    video_prices(SMALL, *[("1", {"resolution": f"{of}p"}) for of in range(20)], at=NOW)
    video_prices(SMALL, *[("1", {"resolution": f"{of}p"}) for of in range(1, 20)], at=NOW + HOUR)
    with clock.at(NOW + 9 * DAY):
        record(film("gone", resolution="0p"))
        assert stored("gone").problem == "unknown_meter"
        assert later_price(stored("gone"), datetime(2027, 1, 1, tzinfo=UTC)) is None
