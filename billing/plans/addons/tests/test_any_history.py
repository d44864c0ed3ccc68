"""Whatever is done on whatever day: each preview is what then happens, and the charges are those of a plain sum."""

from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil
from random import Random

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.plans.addons.changes import addon_preview
from billing.plans.addons.tests.conftest import START, available, charges, day, fund, held, put, sound, work
from billing.plans.models import AddOn

EDGES = [START, day(2, 28), day(3, 31), day(4, 30), day(5, 31), day(6, 30)]


class Sum:
    """The same add-on on paper: pieces paid for, pieces from the next edge on, and what was charged."""

    def __init__(self, price: int) -> None:
        self.price, self.paid, self.later = price, 0, 0
        self.charged: list[int] = []

    def share(self, pieces: int, at: datetime) -> int:
        until = next(edge for edge in EDGES if edge > at)
        since = EDGES[EDGES.index(until) - 1]
        left, whole = (until - at).total_seconds(), (until - since).total_seconds()
        return ceil(Fraction(self.price * pieces * int(left), int(whole)))

    def put(self, pieces: int, at: datetime) -> None:
        if pieces > self.paid:
            self.charged.append(self.share(pieces - self.paid, at))
            self.paid = pieces
        self.later = pieces

    def edge(self) -> None:
        self.paid = self.later
        if self.paid:
            self.charged.append(self.price * self.paid)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_previews_are_outcomes_and_charges_are_the_plain_sum(team: Workspace, seed: int) -> None:
    rng = Random(seed)
    price = rng.randint(1, 5_000 * NANO)
    AddOn.objects.filter(key="concurrency").update(monthly_credits=price)
    fund(team, 10**7)
    on_paper, now, before = Sum(price), START, available(team)
    for _ in range(14):
        later = now + timedelta(hours=rng.randint(1, 300))
        if later >= EDGES[-1]:
            break
        for edge in EDGES:
            if now < edge <= later:
                on_paper.edge()
        now = later
        work(now)
        pieces = rng.choice([0, 1, 2, 5, 20]) if on_paper.paid else rng.choice([1, 2, 5, 20])
        with clock.at(now):
            shown = addon_preview(workspace=team, addon_key="concurrency", quantity=pieces).change
        done = put(team, "concurrency", pieces, at=now + timedelta(seconds=50), shown=now, expected=shown.charged)
        on_paper.put(pieces, now)
        row = done.change
        assert (row.charged, row.effective_at, row.until) == (shown.charged, shown.effective_at, shown.ends)
        assert (charges(team)[-1:] == [shown.charged]) or not shown.charged
        assert work(now + timedelta(seconds=55)) == 0
        assert charges(team) == on_paper.charged
        assert held(team).quantity == on_paper.paid
    assert available(team) == before - sum(on_paper.charged)
    assert work(now) == 0
    sound(team)
