from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site, site
from billing.metering.models import HourUsage, Series
from billing.metering.tests.conftest import HOUR, NOW, event, fund
from billing.metering.verify import verify_usage

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]


@pytest.fixture
def four_a_day(db: None) -> None:
    site()
    SiteSettings.objects.update_or_create(pk=1, defaults={"max_breakdown_values": 4})
    forget_site()


def test_one_series_per_combination(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    for name, agent in (("a", "x"), ("b", "x"), ("c", "y"), ("d", "")):
        record(event(name, agent=agent))
    assert Series.objects.count() == 6
    assert set(Series.objects.values_list("agent", "meter")) == {
        (agent, meter) for agent in ("x", "y", "") for meter in ("input_tokens", "output_tokens")
    }


def test_further_values_of_a_day_are_summed_as_other(
    record: Record, workspace: Workspace, noon: datetime, four_a_day: None
) -> None:
    fund(workspace)
    for name in ("a", "b", "c", "d", "e"):
        record(event(name, agent=name, task="chat"))
    record(event("a again", agent="a", task="chat"))
    agents = Series.objects.order_by("pk").values_list("agent", "task").distinct()
    assert set(agents) == {("a", "chat"), ("b", "chat"), ("other", "other")}
    others = HourUsage.objects.filter(series__agent="other", series__meter="input_tokens").get()
    assert (others.requests, others.quantity) == (3, 3600)
    assert verify_usage(workspace.pk) == []
    with clock.at(NOW + 12 * HOUR):
        record(event("tomorrow", agent="tomorrow"))
    assert Series.objects.filter(agent="tomorrow").exists()


def test_a_crowded_batch_is_summed_as_other(
    batch: Record, workspace: Workspace, noon: datetime, four_a_day: None
) -> None:
    fund(workspace)
    batch([event(f"e{index}", agent=f"agent {index}") for index in range(50)])
    assert Series.objects.count() == 6
    assert HourUsage.objects.get(series__agent="other", series__meter="output_tokens").quantity == 48 * 300
    assert verify_usage(workspace.pk) == []


def test_made_up_models_and_meters_cannot_flood_the_breakdown(
    batch: Record, workspace: Workspace, noon: datetime, four_a_day: None
) -> None:
    batch([event(f"e{index}", model=f"acme/{index}", usage={f"meter_{index}": 1}) for index in range(50)])
    assert Series.objects.count() == 5
    assert HourUsage.objects.get(series__model="other").requests == 46
