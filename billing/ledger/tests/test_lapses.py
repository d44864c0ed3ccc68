"""Credits that lapse before the end of their lots: as of an instant, once, and only what was left then."""

from datetime import datetime, timedelta

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.errors import IdempotencyConflict
from billing.ledger.models import Lot, Transfer
from billing.ledger.proof.export import export
from billing.ledger.proof.tests.checking import refusal
from billing.ledger.selectors import balance
from billing.ledger.services import Lapse, credits_lapse
from billing.ledger.tests.helpers import DAY, NOON, assert_clean, grant, place, release, spend

CUT = NOON + 10 * DAY


def lapse(at: datetime = CUT, most: int = 60, key: str = "cap") -> Lapse:
    return Lapse(key=key, namespace="plan", source="plan", since=NOON, at=at, most=most, reason="Above the cap")


def left() -> list[int]:
    return list(Lot.objects.order_by("id").values_list("remaining", flat=True))


def test_the_oldest_lapse_first_and_only_once(ws: int) -> None:
    for day in range(3):
        grant(ws, 50, source="plan", now=NOON + day * DAY, expires=CUT + DAY)
    grant(ws, 7, now=NOON)  # of another source
    grant(ws, 9, source="plan", now=CUT, starts=CUT)  # of the new period
    for _ in range(2):
        assert credits_lapse(workspace_id=ws, lapse=lapse(), now=CUT + DAY / 2) == 90
    assert left() == [0, 10, 50, 7, 9]
    assert_clean(ws)
    with clock.at(CUT + DAY / 2):
        assert refusal(b"".join(export(Workspace.objects.get(pk=ws)))) == ""
    with pytest.raises(IdempotencyConflict):
        credits_lapse(workspace_id=ws, lapse=lapse(most=61), now=CUT + DAY / 2)


def test_late_it_takes_no_more_than_in_time(ws: int) -> None:
    grant(ws, 100, source="plan", now=NOON)
    spend(ws, 15, now=CUT - DAY)  # 85 are left at the cut: 25 lapse
    spend(ws, 70, now=CUT + DAY)
    assert credits_lapse(workspace_id=ws, lapse=lapse(), now=CUT + 2 * DAY) == 15
    assert left() == [0]
    assert Transfer.objects.get(kind="lot.expire").occurred_at == CUT
    assert_clean(ws)


def test_one_lapse_after_the_other_counts_what_went_before(ws: int) -> None:
    grant(ws, 100, source="plan", now=NOON)
    late = CUT + 9 * DAY
    assert credits_lapse(workspace_id=ws, lapse=lapse(), now=late) == 40
    assert credits_lapse(workspace_id=ws, lapse=lapse(CUT + DAY, 50, "next"), now=late) == 10
    assert credits_lapse(workspace_id=ws, lapse=lapse(CUT + 2 * DAY, 50, "third"), now=late) == 0
    assert left() == [50]
    assert_clean(ws)


def test_what_is_on_hold_stays(ws: int) -> None:
    grant(ws, 100, source="plan", now=NOON)
    held = place(ws, 80, now=CUT - timedelta(minutes=5))
    assert credits_lapse(workspace_id=ws, lapse=lapse(most=0), now=CUT) == 20
    release(ws, held, now=CUT + timedelta(minutes=1))
    assert balance(ws, CUT + timedelta(minutes=1)).available == 80
    assert_clean(ws)
