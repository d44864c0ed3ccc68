"""What a workspace did lately, and what it would cost on other models."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.site.selectors import site
from billing.ledger.services import credits_grant
from billing.metering.events import EventInput, Source
from billing.metering.record import usage_record
from billing.metering.selectors.work import costs, costs_on, works
from billing.pricing.models import CatalogModel
from billing.pricing.selectors import models_list
from billing.pricing.services import changed
from billing.pricing.terms import NO_TERMS
from billing.pricing.testing import import_demo_prices

pytestmark = pytest.mark.django_db
MINI, BIG, SONNET = ("openai", "gpt-4o-mini"), ("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5")


@pytest.fixture(autouse=True)
def _prices(workspace: Workspace) -> None:
    import_demo_prices()
    with clock.at(clock.now() - timedelta(days=40)):  # a wallet's time does not go back
        credits_grant(workspace_id=workspace.pk, key="x", amount=100_000 * NANO, label="x")


def use(workspace: Workspace, model: str, back: timedelta = timedelta(), **usage: int) -> None:
    at = clock.now() - back
    event = EventInput(f"{model}{at}", model, {k: Decimal(v) for k, v in usage.items()}, occurred_at=at)
    with clock.at(at):
        usage_record(workspace_id=workspace.pk, source=Source("service"), event=event)


def usd(workspace: Workspace) -> dict[Any, Decimal]:
    return dict(costs(workspace, usd_per_credit=site().usd_per_credit))


def test_usage_of_thirty_days_is_added_up_by_kind(workspace: Workspace) -> None:
    use(workspace, "openai/gpt-4o", timedelta(days=31), input_tokens=7_000_000)
    use(workspace, "openai/gpt-4o", timedelta(days=29), input_tokens=500_000)
    use(workspace, "openai/gpt-4o-mini", input_tokens=1_000_000, cached_input_tokens=400_000, output_tokens=100_000)
    use(workspace, "deepgram/nova-3", audio_input_seconds=120)
    found = works(workspace)
    assert set(found) == {"text", "transcription"}
    text = found["text"]
    assert text.usage == {"input_tokens": 1_500_000, "cached_input_tokens": 400_000, "output_tokens": 100_000}
    assert (text.requests, text.left_out) == (2, 0)
    assert found["transcription"].requests == 1


def test_what_it_would_cost_is_exact(workspace: Workspace) -> None:
    use(workspace, "openai/gpt-4o", timedelta(days=3), input_tokens=600_000)
    use(workspace, "openai/gpt-4o-mini", input_tokens=900_000, cached_input_tokens=400_000, output_tokens=100_000)
    found = usd(workspace)
    # 1.1M plain input, 0.4M cached, 0.1M output
    assert found[MINI] == Decimal("1.1") * Decimal("0.15") + Decimal("0.4") * Decimal("0.075") + Decimal("0.06")
    assert found[BIG] == Decimal("1.1") * Decimal("2.5") + Decimal("0.4") * Decimal("1.25") + 1
    assert found[SONNET] == Decimal("1.1") * 3 + Decimal("0.4") * Decimal("0.3") + Decimal("1.5")
    assert ("deepgram", "nova-3") not in found  # nothing of its kind was used
    rows = models_list(modality="text").rows
    assert costs_on(works(workspace), rows, now=clock.now(), terms=NO_TERMS) == found


def test_the_charge_of_a_workspace_with_one_model_is_its_cost_on_it(workspace: Workspace) -> None:
    for hours in range(5, 0, -1):
        use(workspace, "openai/gpt-4o-mini", timedelta(hours=hours), input_tokens=1_234 + hours, output_tokens=77)
    work = works(workspace)["text"]
    assert work.nano == usd(workspace)[MINI] / site().usd_per_credit * NANO


def test_the_platforms_own_services_are_no_work_of_models(workspace: Workspace) -> None:
    use(workspace, "openai/gpt-4o-mini", input_tokens=1_000, messages=3)
    use(workspace, "", messages=5)
    work = works(workspace)["text"]
    assert set(work.usage) == {"input_tokens"}
    assert (work.requests, work.nano) == (1, 30_000_000)


def test_usage_in_a_unit_that_cost_less_is_left_out(workspace: Workspace) -> None:
    CatalogModel.objects.filter(model="gpt-4o").update(modality="speech")
    changed()
    use(workspace, "elevenlabs/eleven_flash_v2_5", input_characters=100_000)
    use(workspace, "openai/gpt-4o", input_tokens=1_000)
    work = works(workspace)["speech"]
    assert (set(work.usage), work.requests, work.left_out) == ({"input_characters"}, 1, 1)
    assert usd(workspace)[("elevenlabs", "eleven_flash_v2_5")] == 4
    assert BIG not in usd(workspace)


def test_without_usage_there_is_nothing_to_compare(workspace: Workspace) -> None:
    assert works(workspace) == {}
    assert usd(workspace) == {}
