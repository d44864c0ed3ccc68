"""Geometry of a chart of prices: steps through time, as SVG lines in percent. Pure: no Django, no formatting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.overview.charts import nice_ticks

Step = tuple[datetime, Decimal | None]  # from then on; None: not sold


@dataclass(frozen=True, kw_only=True)
class Line:
    """`x1` to `x2` and `y1` to `y2` are attributes of an SVG line."""

    series: int
    x1: str
    y1: str
    x2: str
    y2: str
    ahead: bool  # not yet in force


@dataclass(frozen=True, kw_only=True)
class Dot:
    series: int
    x: str
    y: str


@dataclass(frozen=True, kw_only=True)
class StepChart:
    lines: tuple[Line, ...]
    dots: tuple[Dot, ...]  # where a price changed
    ticks: tuple[tuple[Decimal, str], ...]  # value and its place, from the top down to zero
    names: tuple[str, ...]
    start: datetime
    end: datetime
    today: str  # its place when something lies ahead, else empty


def steps(*, series: Sequence[tuple[str, Sequence[Step]]], start: datetime, now: datetime, end: datetime) -> StepChart:
    """`series`: of (name, its steps, oldest first). What was in force before `start` begins there."""
    highest = max((value for _, of in series for _, value in of if value is not None), default=Decimal(0))
    values = nice_ticks(highest)
    span = max((end - start).total_seconds(), 1)

    def x(at: datetime) -> str:
        return _percent(Decimal((min(max(at, start), end) - start).total_seconds() / span))

    def y(value: Decimal) -> str:
        return _percent(1 - value / values[0])

    lines: list[Line] = []
    dots: list[Dot] = []
    for number, (_, of) in enumerate(series):
        before: Decimal | None = None
        for place, (at, value) in enumerate(of):
            until = of[place + 1][0] if place + 1 < len(of) else end
            if value is not None and until > start:
                for left, right in _cut(max(at, start), until, now):
                    level = {"y1": y(value), "y2": y(value), "ahead": left >= now}
                    lines.append(Line(series=number, x1=x(left), x2=x(right), **level))  # type: ignore[arg-type]
            if place and at > start and value != before:
                if value is not None and before is not None:
                    rise = {"y1": y(before), "y2": y(value), "ahead": at > now}
                    lines.append(Line(series=number, x1=x(at), x2=x(at), **rise))  # type: ignore[arg-type]
                if (at_level := before if value is None else value) is not None:
                    dots.append(Dot(series=number, x=x(at), y=y(at_level)))
            before = value
    return StepChart(
        lines=tuple(lines),
        dots=tuple(dots),
        ticks=tuple((value, y(value)) for value in values),
        names=tuple(name for name, _ in series),
        start=start,
        end=end,
        today=x(now) if end > now else "",
    )


def _cut(start: datetime, end: datetime, now: datetime) -> list[tuple[datetime, datetime]]:
    """What is, and what lies ahead."""
    return [(start, now), (now, end)] if start < now < end else [(start, end)]


def _percent(share: Decimal) -> str:
    return f"{100 * share:.2f}%"
