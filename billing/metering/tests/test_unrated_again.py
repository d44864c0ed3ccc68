"""What waits for a price is rated again when prices change, not every minute; what was not charged is tried again."""

from decimal import Decimal

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.metering import tasks
from billing.metering.models import UsageEvent
from billing.metering.tasks import CHARGING
from billing.metering.tests.conftest import HOUR, NOW, fund
from billing.metering.tests.pricing import price_appears
from billing.metering.tests.test_unrated import COST, Record, brain, charge, stored
from billing.metering.unrated import waiting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


def test_what_no_price_covers_is_not_rated_again_every_minute(
    record: Record, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(workspace)
    price_appears()
    rated: list[str] = []
    real = waiting.missing
    monkeypatch.setattr(waiting, "missing", lambda row, at: rated.append(row.event_id) or real(row, at))
    monkeypatch.setattr(tasks, "tell_of_waiting", lambda _now: None)  # it rates samples
    record(brain(usage={"unicorns": Decimal(1)}))
    with clock.at(NOW + HOUR):
        charge()
        assert rated == ["odd"]
        record(brain("odd2", usage={"unicorns": Decimal(1)}))
        charge()
    assert rated == ["odd", "odd2"]
    with clock.at(NOW + 2 * HOUR):
        charge()
    with clock.at(NOW + 3 * HOUR):
        rated.clear()
        charge()
        assert rated == []
        with monkeypatch.context() as later:
            later.setattr(waiting, "LOOK_AGAIN", 0)
            charge()  # as after an hour: all of it
        assert rated == ["odd", "odd2"]
        rated.clear()
        price_appears(input_tokens="1", output_tokens="2", unicorns="1")
        charge()
    assert rated == ["odd", "odd2"]
    assert not UsageEvent.objects.exclude(problem="").exists()


def test_what_could_not_be_charged_is_tried_again_with_the_same_prices(
    record: Record, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(workspace)
    record(brain())
    price_appears()
    with monkeypatch.context() as broken:
        broken.setattr(tasks, "charge_waiting", lambda **_: 1 / 0)
        (run,) = run_due(only=CHARGING)
        assert "could not be" in run.error
    with clock.at(NOW + HOUR):
        charge()
    assert stored().amount == COST
