"""Filters of the billing pages."""

from datetime import datetime
from decimal import Decimal

from django import template
from django.utils import timezone
from django.utils.formats import date_format

from billing.credits import clock
from billing.credits.format import dollars_text, percent_text
from billing.metering.lasting import lasts_text
from billing.metering.runway import Runway
from billing.overview import labels, numbers, words

register = template.Library()


@register.filter
def measure(value: Decimal | int, metric: str) -> str:
    """`{{ value|measure:"credits" }}`: credits (from nano-credits), requests, tokens, quantity."""
    return numbers.measure_text(value, metric)


@register.filter
def axis(value: Decimal | int, metric: str) -> str:
    return numbers.axis_text(value, metric)


@register.filter
def count(value: Decimal | int | str | None) -> str:
    return "" if value is None else numbers.count_text(Decimal(value))


@register.filter
def compact(value: Decimal | int | None) -> str:
    return "" if value is None else numbers.compact_text(value)


@register.filter
def lasts(found: Runway) -> str:
    """ "about 12 days (9–16 days)"."""
    return lasts_text(found)


@register.filter
def when(at: datetime) -> str:
    """ "Today, 14:05", "Yesterday, 09:30", "2 Mar, 14:05", "2 Mar 2025, 14:05" in the page's time zone."""
    local, today = timezone.localtime(at), timezone.localdate(clock.now())
    age = (today - local.date()).days
    if age == 0:
        return f"Today, {local:%H:%M}"
    if age == 1:
        return f"Yesterday, {local:%H:%M}"
    return date_format(local, "j M, H:i" if local.year == today.year else "j M Y, H:i")


@register.filter
def percent_of(part: Decimal | int, whole: Decimal | int) -> str:
    """A length for an SVG attribute."""
    return f"{100 * Decimal(part) / Decimal(whole):.2f}%" if whole else "0%"


@register.filter
def days_left(at: datetime | None) -> int | None:
    """Whole days from now; negative when it is over."""
    return None if at is None else (at - clock.now()).days


@register.filter
def count_plain(value: Decimal) -> str:
    """For attributes that machines read."""
    return numbers.plain_text(value)


@register.filter
def meter_name(key: str) -> str:
    return words.meter_name(key)


@register.filter
def account_name(account: str) -> str:
    return words.account_name(account)


@register.filter
def kind_name(kind: str) -> str:
    """The title of a kind of transfer."""
    return words.kind_words(kind)[0]


@register.filter
def lower_first(text: str) -> str:
    """ "Model" → "model", but "API key" stays."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


@register.filter
def model_name(ref: str) -> str:
    """ "openai/gpt-4o-mini" → "gpt-4o-mini"."""
    return labels.short_model(ref)


@register.filter
def source_name(source: str) -> str:
    return words.SOURCES.get(source, source)


@register.filter
def per_text(per: int) -> str:
    """What a published price is for: "1M", "1K", "1"."""
    return numbers.compact_text(per)


@register.filter
def whole_percent(value: Decimal | None) -> str:
    """ "67%"; a dash for what there is not."""
    return "–" if value is None else f"{value:.0f}%"


@register.filter
def signed_percent(value: Decimal) -> str:
    """ "+20%", "−12.5%", "+0.04%"."""
    return percent_text(value, signed=True)


@register.filter
def unsigned(amount: int) -> int:
    return abs(amount)


@register.filter
def hex(digest: bytes | memoryview) -> str:
    return bytes(digest).hex()


@register.filter
def get(mapping: dict[str, str], key: str) -> str:
    return mapping.get(key, "")


@register.filter
def credit_number(amount: Decimal | None) -> str:
    """A price in credits, which may be finer than the ledger's nano-credits."""
    return "" if amount is None else dollars_text(amount).removeprefix("$").removesuffix(".00")
