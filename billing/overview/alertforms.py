"""Parsing what people want to be told of."""

from decimal import Decimal
from typing import Any

from django import forms

from accounts.errors import Refused
from accounts.forms import Checkboxes, ServiceForm
from billing.alerts.usage.engine import PERCENTS
from billing.alerts.usage.settings import LEAST_CENTS, MOST_CENTS, MOST_DAYS, Wanted
from billing.credits.units import AmountOutOfRange, credits, exact_nano


class AlertsForm(ServiceForm):
    percents = forms.MultipleChoiceField(
        label="Tell when so much of the period’s credits is used",
        choices=[(str(each), f"{each} %") for each in PERCENTS],
        widget=Checkboxes,
        required=False,
        help_text="Bought credits are left out. Each is told once a period, and anew when the plan gives more in it.",
    )
    low_credits = forms.DecimalField(
        label="Low below a balance of",
        max_digits=19,
        decimal_places=9,
        min_value=0,
        required=False,
        help_text="In place of a tenth of the period’s credits or three days of usage, whichever is more.",
    )
    low_days = forms.IntegerField(
        label="Low below so many days of usage",
        min_value=1,
        max_value=MOST_DAYS,
        required=False,
        help_text="At the pace of the last week. With a balance as well: whichever is more.",
    )
    month_cents = forms.DecimalField(
        label="Tell when usage of a month is worth",
        max_digits=9,
        decimal_places=2,
        min_value=Decimal(LEAST_CENTS) / 100,
        max_value=Decimal(MOST_CENTS) / 100,
        required=False,
        help_text="US dollars, in a calendar month. To refuse requests beyond a sum, set a budget.",
    )

    def wanted(self) -> Wanted:
        """Raises Refused."""
        given = self.cleaned_data
        try:
            low = exact_nano(given["low_credits"]) if given["low_credits"] is not None else None
        except AmountOutOfRange as error:
            raise Refused("This is more than can be counted.", field="low_credits") from error
        return Wanted(
            percents=tuple(int(each) for each in given["percents"]),
            low_credits=low,
            low_days=given["low_days"],
            month_cents=None if given["month_cents"] is None else int(given["month_cents"] * 100),
        )


def initial_of(wanted: Wanted) -> dict[str, Any]:
    return {
        "percents": [str(each) for each in wanted.percents],
        "low_credits": None if wanted.low_credits is None else credits(wanted.low_credits),
        "low_days": wanted.low_days,
        "month_cents": None if wanted.month_cents is None else Decimal(wanted.month_cents) / 100,
    }
