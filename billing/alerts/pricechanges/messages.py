"""The e-mail: everything that is new for a workspace in one message, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Workspace
from billing.alerts.pricechanges.changes import ModelChange, PriceChange
from billing.alerts.pricechanges.impact import Impact
from billing.credits.format import credit_rate_text, credits_text, percent_text, rate_text, usd_text
from billing.foundation.site.selectors import site
from billing.metering.selectors.days import zone

MOST_MODELS, MOST_PRICES = 10, 8  # mail programs cut what is longer than 100 KB, and the links below with it


@dataclass(frozen=True)
class Message:
    subject: str
    text: str
    link: str
    button: str
    also: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PriceRow:
    label: str  # "Input tokens (over 200,000 tokens)"
    before: str  # "30 credits ($0.15)"
    after: str
    unit: str  # "1M tokens"
    percent: str  # "+12%", "was free"


@dataclass(frozen=True)
class ModelRow:
    name: str
    ref: str
    when: str
    to_come: bool
    prices: list[PriceRow]
    more: int  # prices that are not listed
    requests: str
    cost: str  # "993.02 credits ($4.97)", at the old prices
    difference: str  # "119 credits ($0.60) more"; empty for none


def compose(workspace: Workspace, found: Sequence[tuple[ModelChange, Impact]], *, now: datetime) -> Message:
    """The message about `found`, rises first, and as many drops as there is room for."""
    rises = [each for each in found if each[0].rise]
    drops = [each for each in found if not each[0].rise]
    tz = zone(workspace.time_zone)
    context = {
        "workspace": workspace,
        "rises": [_row(workspace, *each, tz=tz, now=now) for each in rises[:MOST_MODELS]],
        "drops": [_row(workspace, *each, tz=tz, now=now) for each in drops[: max(MOST_MODELS - len(rises), 0)]],
        "left_out": max(len(found) - MOST_MODELS, 0),
    }
    refs = list(dict.fromkeys(change.ref for change, _ in [*rises, *drops]))
    compare = (("What would another model cost?", _url("insights:whatif", workspace, of=refs[0])),)
    one = len(refs) == 1
    return Message(
        subject=_subject(workspace, [each[0] for each in rises], [each[0] for each in drops], now=now),
        text=render_to_string("alerts/email/prices.txt", context),
        link=_url("overview:model", workspace, refs[0]) if one else _url("overview:models", workspace),
        button="See its prices" if one else "See all prices",
        also=compare,
    )


def _subject(workspace: Workspace, rises: Sequence[ModelChange], drops: Sequence[ModelChange], *, now: datetime) -> str:
    if rises and drops:
        return f"Prices of {len(rises) + len(drops)} models that {workspace} uses change"
    found = rises or drops
    what = f"{found[0].name} costs" if len(found) == 1 else f"{len(found)} models cost"
    if drops:
        return f"{what} {workspace} less now"
    days = {change.at.astimezone(zone(workspace.time_zone)).date() for change in rises}
    when = ""
    if len(days) == 1:
        when = f" {'from' if rises[0].at > now else 'since'} {days.pop():%-d %B}"
    return f"{what} {workspace} more{when}"


def _row(workspace: Workspace, change: ModelChange, impact: Impact, *, tz: ZoneInfo, now: datetime) -> ModelRow:
    return ModelRow(
        name=change.name,
        ref=change.ref,
        when=f"{change.at.astimezone(tz):%-d %B %Y, %H:%M} ({workspace.time_zone})",
        to_come=change.at > now,
        prices=[_price(price) for price in change.prices[:MOST_PRICES]],
        more=max(len(change.prices) - MOST_PRICES, 0),
        requests=f"{impact.requests:,} request{'' if impact.requests == 1 else 's'}",
        cost=_amount(impact.before),
        difference=_difference(impact),
    )


def _price(change: PriceChange) -> PriceRow:
    after = change.after
    variant = after.variant_text
    size = after.shown[0]
    return PriceRow(
        label=f"{after.label} ({variant})" if variant else after.label,
        before=_shown(change.before.credits_for(size), change.before.usd_for(size)),
        after=_shown(after.credits_for(size), after.usd_for(size)),
        unit=after.shown_unit,
        percent="was free" if change.percent is None else percent_text(change.percent, signed=True),
    )


def _shown(credits: Decimal, usd: Decimal) -> str:
    number = credit_rate_text(credits)
    return f"{number} {_unit(number)} ({rate_text(usd)})"


def _amount(nano: int) -> str:
    number = credits_text(nano)
    return f"{number} {_unit(number)} ({usd_text(nano, site().usd_per_credit)})"


def _unit(number: str) -> str:
    return site().credit_name if number == "1" else site().credit_name_plural


def _difference(impact: Impact) -> str:
    if not impact.difference:
        return ""
    return f"{_amount(abs(impact.difference))} {'more' if impact.difference > 0 else 'less'}"


def _url(view: str, workspace: Workspace, *args: str, **query: str) -> str:
    path = settings.SITE_URL + reverse(view, args=[workspace.public_id, *args])
    return f"{path}?{urlencode(query)}" if query else path
