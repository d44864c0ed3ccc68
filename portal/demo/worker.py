"""What the worker does by the clock, at an instant of the story."""

from datetime import datetime

from billing.credits import clock
from billing.plans.addons.attending import attend_one
from billing.plans.resources.billing import bill_one
from billing.plans.services import roll_one


def catch_up(now: datetime) -> None:
    """Periods that have begun, days of resources, add-ons. Of no other workspace is anything due: their stories are
    told up to the present, or have not begun.
    """
    with clock.at(now):
        while roll_one(now=now):
            pass
        while bill_one(now=now):
            pass
        while attend_one(now=now):
            pass
