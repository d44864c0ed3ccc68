"""Money on the admin's first page: today, and this month so far (UTC)."""

from datetime import date, datetime, timedelta

from django.urls import reverse

from billing.ledger.trial.flows import snapshot
from billing.ledger.worth.figures import PER_NANO, Credits, credits_of, value, worth_of
from billing.ledger.worth.flows import priced_flows, unspent
from billing.metering.selectors.upstream import upstream_since
from portal.admin.money.page import PERMISSION
from portal.admin.money.report import midnight
from portal.admin.money.words import amount, dollars, margin_percent
from portal.admin.tiles import Tile

LOTS, TRANSFERS = "admin:ledger_lot_changelist", "admin:ledger_transfer_changelist"


def money_tiles(now: datetime) -> list[Tile]:
    """What was sold, given, used and earned; the value is today's, the remark has the month's."""
    today = now.date()
    first, tomorrow = today.replace(day=1), today + timedelta(days=1)
    with snapshot():
        flows = priced_flows([first, today])
        left = sum(value(row.amount, row.unit_price_usd) for row in unspent())
    of_today = [flow for flow in flows if flow.bucket == 1]
    day, month = credits_of(of_today), credits_of(flows)
    day_worth, month_worth = worth_of(of_today), worth_of(flows)
    costs = upstream_since(midnight(first), midnight(today), midnight(tomorrow))
    month_cost, day_cost = (nano * PER_NANO for nano in costs)
    page = reverse("money")
    return [
        Tile(
            "Sold today",
            amount(day.sold),
            f"{amount(month.sold)} this month",
            _transfers("issued=sold", today),
            PERMISSION,
        ),
        Tile(
            "Granted today",
            amount(_granted(day)),
            f"{amount(month.granted_plan)} by plans and {amount(month.granted_promotion)} as promotion this month",
            _transfers("issued=granted", today),
            PERMISSION,
        ),
        Tile("Spent today", amount(day.spent), f"{amount(month.spent)} this month", page + "?period=today", PERMISSION),
        Tile(
            "Expired today",
            amount(day.expired),
            f"{amount(month.expired)} this month",
            _transfers("kind__exact=lot.expire", today),
            PERMISSION,
        ),
        Tile(
            "Revenue today",
            dollars(day_worth.recognised),
            f"{dollars(month_worth.recognised)} this month",
            f"{page}?period=today&by=workspace&order=revenue",
            PERMISSION,
        ),
        Tile(
            "Upstream cost today",
            dollars(day_cost),
            f"{dollars(month_cost)} this month",
            f"{page}?period=today&by=model&order=upstream",
            PERMISSION,
        ),
        Tile(
            "Margin today",
            dollars(day_worth.recognised - day_cost),
            f"{dollars(month_worth.recognised - month_cost)} this month,"
            f" {margin_percent(month_worth.recognised, month_cost)} of revenue",
            f"{page}?period=today&by=model&order=margin",
            PERMISSION,
            alarm=month_worth.recognised < month_cost,
        ),
        Tile("Deferred revenue", dollars(left), "unspent credits that were paid for", _lots("paid=unspent"), _LOT),
        Tile(
            "Breakage this month",
            dollars(month_worth.expired),
            f"expired credits that were paid for, {dollars(day_worth.expired)} today",
            page,
            PERMISSION,
        ),
    ]


_LOT = "ledger.view_lot"


def _granted(of: Credits) -> int:
    return of.granted_plan + of.granted_promotion


def _lots(query: str) -> str:
    return f"{reverse(LOTS)}?{query}"


def _transfers(query: str, day: date) -> str:
    """Those of one day (UTC), as the figure counts them."""
    return f"{reverse(TRANSFERS)}?{query}&created_at_from={day}&created_at_to={day}"
