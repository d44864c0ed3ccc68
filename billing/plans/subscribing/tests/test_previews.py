"""Whatever the plans and the day: what was shown is what happens, to the cent and to the nano-credit."""

import random
from datetime import datetime, timedelta

import pytest

from billing.credits.units import NANO
from billing.ledger.models import Lot
from billing.metering.tests.helpers import rewriting
from billing.plans.calendar import credits_until
from billing.plans.models import CreditTier, PlanVersion
from billing.plans.subscribing.choices import choices_for
from billing.plans.subscribing.tests.conftest import Till, version_of

pytestmark = pytest.mark.django_db
SEEDS = [pytest.param(seed, marks=[pytest.mark.slow] if seed > 2 else []) for seed in range(40)]


def some_plans(chance: random.Random) -> None:
    """Three plans of arbitrary prices, credits and tiers."""
    with rewriting():
        CreditTier.objects.all().delete()
        PlanVersion.objects.filter(plan__key__in=["plus", "team", "trial"]).update(published_at=None)
    for place, key in enumerate(("alpha", "beta", "gamma")):
        cents, credits = chance.randint(100, 50_000), chance.randint(1, 90_000)
        rungs = sorted(chance.sample(range(1, 9), chance.randint(0, 2)))
        tiers = tuple((credits + rung * chance.randint(1, 9_999), cents + rung * 777) for rung in rungs)
        version_of(key, 60 + place, cents, credits, tiers=tiers, rollover_months=chance.randint(0, 2))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_preview_equals_its_outcome(till: Till, seed: int) -> None:
    chance = random.Random(seed)
    some_plans(chance)
    paid = [choice for choice in choices_for(till.workspace) if choice.price_cents]
    first, second = chance.sample(paid, 2)
    shown = till.shown(first.version.plan.key, first.interval, first.tier.number if first.tier else 0)
    till.start(first.version.plan.key, first.interval, first.tier.number if first.tier else 0)
    assert till.charged() == shown.amount_due
    first_lot = (shown.credits // NANO, till.row.anchor, until(till))
    assert till.lots() == ([first_lot] if shown.credits else [])
    till.advance(days=chance.randint(0, 27), seconds=chance.randint(0, 80_000))
    till.look()
    charged, before, row = till.charged(), set(lot_ids(till)), till.row
    shown = till.shown(second.version.plan.key, second.interval, second.tier.number if second.tier else 0)
    till.advance(seconds=chance.randint(0, 1_500))  # somebody reads it for a while
    assert till.confirm(shown).status == "done"
    assert till.charged() - charged == max(shown.amount_due, 0)
    new = [lot for lot in Lot.objects.filter(workspace=till.workspace) if lot.pk not in before]
    assert sum(lot.amount for lot in new) == shown.credits
    if shown.kind == "upgrade":
        assert all(lot.expires_at == shown.credits_until for lot in new)
        assert till.row.version == second.version
    else:
        assert (shown.kind, till.row.changes_at) == ("downgrade", shown.effective_at)
    upcoming = shown.next_at
    assert upcoming is not None
    with till.time() as now:
        wait = upcoming - now
    charged = till.charged()
    till.advance(seconds=int(wait.total_seconds()) + 3_600)
    till.look()
    credited = max(-shown.amount_due, 0)
    assert till.charged() - charged == max(shown.shown["next"]["amount"] - credited, 0)
    assert till.row.version == second.version
    assert abs((till.row.paid_until or row.anchor) - upcoming) > timedelta(days=27)
    till.sound()


def lot_ids(till: Till) -> list[int]:
    return list(Lot.objects.filter(workspace=till.workspace).values_list("pk", flat=True))


def until(till: Till) -> datetime:
    """Of a start the dates count from the payment."""
    row = till.row
    return credits_until(row.anchor, 0, rollover_months=row.version.rollover_months)
