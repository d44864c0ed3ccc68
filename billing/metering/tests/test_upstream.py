"""What usage costs the operator is counted with it, on every way that usage takes."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.verify import verify
from billing.metering.allowances import allowance_open
from billing.metering.errors import EventRejected
from billing.metering.models import HourUsage, UsageEvent
from billing.metering.reverse import usage_reverse
from billing.metering.tests.conftest import HOUR, NOW, event, fund
from billing.metering.tests.helpers import reserve, rewriting
from billing.metering.tests.pricing import price_appears
from billing.metering.unrated.charging import charge_waiting
from billing.metering.verify import verify_usage
from billing.pricing.services import import_reading
from billing.pricing.sources.rows import ModelRow, PriceRow, Reading, dims_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
Record = Callable[..., Any]
MINI_IN, MINI_OUT = 180_000, 180_000  # nano-USD: 1,200 in at $0.15 and 300 out at $0.60 per million


def upstream(**where: Any) -> dict[str, int]:
    """Nano-USD by meter, from the hours."""
    found: dict[str, int] = {}
    for meter, nano in HourUsage.objects.filter(**where).values_list("series__meter", "upstream"):
        found[meter] = found.get(meter, 0) + nano
    return found


def of_events() -> int:
    return sum(UsageEvent.objects.values_list("upstream", flat=True))


def test_a_single_event(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event())
    record(event("second", end_user="ann"))
    assert upstream() == {"input_tokens": 2 * MINI_IN, "output_tokens": 2 * MINI_OUT}
    assert of_events() == 2 * (MINI_IN + MINI_OUT)
    assert verify().problems == []


def test_a_batch(batch: Record, workspace: Workspace) -> None:
    fund(workspace)
    batch([event(f"e{index}", end_user="ann" if index % 2 else "") for index in range(7)])
    assert upstream() == {"input_tokens": 7 * MINI_IN, "output_tokens": 7 * MINI_OUT}
    assert of_events() == 7 * (MINI_IN + MINI_OUT)
    assert verify().problems == []


def test_what_settles_a_hold(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    hold, _ = reserve(workspace, 100)
    record(event("settles", hold=hold))
    assert sum(upstream().values()) == of_events() == MINI_IN + MINI_OUT
    assert verify().problems == []


def test_the_platforms_own_cost_nothing(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event(model="", usage={"messages": 3}))
    assert upstream() == {"messages": 0}


def test_included_usage_costs_as_much_as_charged(record: Record, workspace: Workspace) -> None:
    for meter in ("input_tokens", "output_tokens"):
        allowance_open(
            workspace_id=workspace.pk,
            meter=meter,
            included=Decimal(10_000),
            starts_at=NOW - HOUR,
            ends_at=NOW + 30 * 24 * HOUR,
        )
    record(event())
    assert UsageEvent.objects.get().amount == 0
    assert sum(upstream().values()) == of_events() == MINI_IN + MINI_OUT
    assert verify().problems == []


def test_taking_a_charge_back_does_not_take_back_what_was_paid_for_it(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event())
    usage_reverse(workspace_id=workspace.pk, pk=UsageEvent.objects.get().pk, reason="A gift.", actor="staff")
    assert sum(HourUsage.objects.values_list("amount", flat=True)) == 0
    assert sum(upstream().values()) == of_events() == MINI_IN + MINI_OUT
    assert verify().problems == []


def test_an_event_that_waited_costs_what_its_price_says(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event(model="acme/brain"))
    assert of_events() == sum(upstream().values()) == 0
    price_appears()
    with clock.at(NOW + 3 * HOUR):
        assert charge_waiting(workspace_id=workspace.pk, pks=[UsageEvent.objects.get().pk]) == 1
        assert upstream() == {"input_tokens": 1_200_000, "output_tokens": 600_000}
        assert of_events() == 1_800_000
        assert verify().problems == []


def test_a_cost_that_no_column_holds_is_refused(record: Record, workspace: Workspace) -> None:
    rows = [PriceRow("acme", "dear", "images", "image", Decimal(10**8), 1, dims_of())]
    models = [ModelRow("acme", "dear", "dear", "image", by_maker=True)]
    import_reading(Reading("operator", "dear", rows, models))
    allowance_open(
        workspace_id=workspace.pk,
        meter="images",
        included=Decimal(10**11),
        starts_at=NOW - HOUR,
        ends_at=NOW + 24 * HOUR,
    )
    with pytest.raises(EventRejected):
        record(event(model="acme/dear", usage={"images": 10**11}))
    assert not UsageEvent.objects.exists()


def test_a_cost_that_drifted_is_found(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event())
    row = HourUsage.objects.get(series__meter="input_tokens")
    HourUsage.objects.filter(pk=row.pk).update(upstream=row.upstream + 1)
    (problem,) = verify_usage(workspace.pk)
    assert problem.code == "hour_upstream"
    assert "360001 nano-USD" in problem.detail


def test_an_event_whose_cost_was_changed_is_found(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event())
    with rewriting():
        UsageEvent.objects.update(upstream=1)
    assert {problem.code for problem in verify_usage(workspace.pk)} == {"hour_upstream"}
