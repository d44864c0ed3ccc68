"""How long a balance lasts, in words."""

from decimal import Decimal

from billing.metering.runway import Runway


def days_text(days: Decimal) -> str:
    """ "16 days", "20 hours", "under an hour": whole units, never more exact than the estimate is."""
    hours = days * 24
    if hours < 1:
        return "under an hour"
    if hours < 48:
        return _plural(int(hours), "hour")
    if days < 120:
        return _plural(int(days), "day")
    return "over a year" if days > 365 else _plural(int(days / 30), "month")


def range_text(found: Runway) -> str:
    """ "9–16 days", "20 hours–3 days"; empty where both ends read the same, as they do beyond a year."""
    low, high = days_text(found.low), days_text(found.high)
    if low == high:
        return ""
    count, _, unit = low.partition(" ")
    return f"{count}–{high}" if unit == high.partition(" ")[2] else f"{low}–{high}"


def lasts_text(found: Runway) -> str:
    """ "about 12 days (9–16 days)"."""
    text, around = days_text(found.days), range_text(found)
    about = text if text.startswith(("under", "over")) else f"about {text}"
    return f"{about} ({around})" if around else about


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
