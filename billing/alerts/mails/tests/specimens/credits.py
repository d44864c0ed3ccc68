"""Mails about credits, usage, budgets and prices."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

from accounts.models import User, Workspace
from billing.alerts.mails import expiring, granted
from billing.alerts.mails.tests.specimens.accounts import NOW
from billing.alerts.pricechanges import telling as prices
from billing.alerts.pricechanges.changes import ModelChange, PriceChange
from billing.alerts.pricechanges.impact import Impact
from billing.alerts.usage import telling as usage
from billing.alerts.usage.engine import Target
from billing.alerts.usage.facts import Stands
from billing.alerts.usage.models import UsageAlert
from billing.alerts.usage.words import state_line, target_line
from billing.credits.units import NANO
from billing.foundation.mail.telling import tell_many
from billing.ledger.models import Lot
from billing.pricing.display import Price
from billing.usage.budgets.jobs import _tell_how_it_stands
from billing.usage.budgets.models import Budget, BudgetPeriod
from billing.usage.errors import Standing

DAY = timedelta(days=1)


def write(workspace: Workspace, owner: User) -> None:
    _lots(workspace)
    _usage(workspace)
    _budgets(workspace)
    _prices(workspace, owner)


def _lots(workspace: Workspace) -> None:
    lot = Lot(
        pk=1, workspace=workspace, amount=10_000 * NANO, remaining=10_000 * NANO, label="Pro plan, December 2026",
        created_at=NOW, effective_at=NOW + DAY, expires_at=NOW + 60 * DAY,
    )  # fmt: skip
    row = {"left": 1_250 * NANO, "first": NOW + 5 * DAY, "told_key": "credits-expiring:1:2026-12-03"}
    tell_many([(granted._news(lot), [])])
    tell_many([(expiring._news(workspace, row, NOW), [])])


def _usage(workspace: Workspace) -> None:
    low = cast(Stands, SimpleNamespace(there=180 * NANO, low_bound=200 * NANO))
    said = {
        "75": target_line(Target("75", 7_500 * NANO, 7_500 * NANO)),
        "100": target_line(Target("100", 10_000 * NANO, 10_000 * NANO)),
        "money": target_line(Target("money", 10_000 * NANO, 10_420 * NANO)),
        "low": state_line("low", low),
        "stopped": state_line("stopped", low),
    }
    rows = []
    for pk, (alert, line) in enumerate(said.items(), 1):
        there = {"low": 180 * NANO, "stopped": 0}.get(alert, 2_500 * NANO)
        row = UsageAlert(
            pk=pk, workspace=workspace, alert=alert, key=str(pk), amount=1, used=1, balance=there, line=line, at=NOW
        )
        kind = {"low": "usage.low", "stopped": "usage.exhausted"}.get(alert, "usage.threshold")
        usage._send(workspace, kind, usage._subject(workspace, row), [row], rows[:1], NOW)
        rows.append(row)
    rows[0].pk = len(said) + 1
    usage._send(workspace, "usage.summary", usage._summary_subject(workspace), rows, [], NOW)


def _budgets(workspace: Workspace) -> None:
    budget = Budget(pk=1, workspace=workspace, period="month", amount=5_000 * NANO, stops=True)
    for pk, (level, name, percent) in enumerate(
        (("workspace", "", 75), ("project", "chatbot", 100), ("key", "ci", 60))
    ):
        period = BudgetPeriod(pk=pk, budget=budget, starts_at=NOW + pk * DAY, told_percent=60, refused_at=NOW)
        spent = 50 * percent * NANO
        here = Standing(1, level, "month", 5_000 * NANO, True, spent, 0, NOW, NOW + 3 * DAY, name)
        _tell_how_it_stands(period, here, percent=percent, refuses=True)


def _prices(workspace: Workspace, owner: User) -> None:
    old = Price(
        "input_tokens", "Input tokens", "token", {"context": "200k"}, Decimal("2.5"), 1_000_000, Decimal(500),
        Decimal("2.5"), Decimal(0), 1,
    )  # fmt: skip
    dear = PriceChange(old, replace(old, price_usd=Decimal(3), credits=Decimal(600)))
    cheap = PriceChange(old, replace(old, price_usd=Decimal(2), credits=Decimal(400)))
    found = Impact(requests=12_403, before=993 * NANO, after=1_191 * NANO)
    less = Impact(requests=88, before=993 * NANO, after=794 * NANO)
    rise = ModelChange("openai", "gpt-4o", "GPT-4o", NOW + 5 * DAY, (dear, dear))
    drop = ModelChange("mistral", "mistral-large-2411", "Mistral Large", NOW - DAY, (cheap,))
    many = [(replace(rise, model=f"gpt-4o-{number}", prices=(dear,) * 12), found) for number in range(60)]
    for told in ([(rise, found)], [(drop, less)], [(rise, found), (drop, less)], many):
        prices._send(workspace, told, to=[owner.email], now=NOW)
