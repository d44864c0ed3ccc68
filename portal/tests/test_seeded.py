"""The workspaces that `make bench` reads: as the product itself would have made them."""

from datetime import UTC, datetime

import pytest

from benchmarks.seeded import Shape, seed
from billing.credits import clock
from billing.foundation.site.models import SiteSettings
from billing.ledger.verify import verify
from billing.metering.models import HourTotal, Series, UsageEvent
from billing.pricing.testing import import_demo_prices

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize("agents", [3, 0], ids=["few agents", "each event its own agent"])
def test_a_seeded_history_adds_up(db: None, agents: int) -> None:
    import_demo_prices()
    SiteSettings.objects.update_or_create(pk=1, defaults={"max_breakdown_values": 20})
    with clock.at(NOW):
        workspace = seed("Seeded", Shape(events=200, days=3, agents=agents, operations=2), now=NOW)
        assert UsageEvent.objects.filter(workspace=workspace).count() == 200
        assert HourTotal.objects.filter(workspace=workspace).count() == 73
        assert Series.objects.filter(workspace=workspace, agent="other").exists() == (agents == 0)
        assert not verify(workspace_id=workspace.pk).problems
