"""Geometry of the stacked column chart: numbers in, percentages out. Pure: no Django, no formatting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


@dataclass(frozen=True, kw_only=True)
class Segment:
    series: int
    name: str
    value: Decimal
    y: str  # percent of its own column, from the top, as an SVG attribute
    height: str


@dataclass(frozen=True, kw_only=True)
class Column:
    day: date
    total: Decimal
    height: str  # percent of the chart
    segments: tuple[Segment, ...]
    tick: bool  # carries a date below
    minor: bool  # a date that a narrow screen leaves out
    right: bool  # its tooltip opens to the left
    partial: bool  # today, so far


@dataclass(frozen=True, kw_only=True)
class LegendRow:
    series: int
    name: str
    total: Decimal
    share: int  # percent


@dataclass(frozen=True, kw_only=True)
class Chart:
    columns: tuple[Column, ...]
    ticks: tuple[Decimal, ...]  # from the top down to zero
    legend: tuple[LegendRow, ...]
    total: Decimal
    density: str  # "few", "" or "many" columns
    table: tuple[tuple[date, tuple[Decimal, ...], Decimal], ...]  # the same as rows: day, its values, its total


def nice_ticks(highest: Decimal, *, count: int = 4) -> tuple[Decimal, ...]:
    """Axis values from the top down to 0, in steps of 1, 2, 2.5 or 5 times a power of ten."""
    if highest <= 0:
        return tuple(Decimal(n) for n in range(count, -1, -1))
    wanted = highest / count
    magnitude = Decimal(10) ** wanted.adjusted()
    step = next(factor * magnitude for factor in STEPS if factor * magnitude >= wanted)
    steps = int((highest / step).to_integral_value(ROUND_CEILING))
    return tuple(step * n for n in range(steps, -1, -1))


def stacked(*, days: Sequence[date], series: Sequence[tuple[str, Sequence[Decimal]]], today: date | None) -> Chart:
    """One column per day. `series`: at most five of (name, its value of each day), the first at the bottom."""
    totals = [sum((values[i] for _name, values in series), Decimal(0)) for i in range(len(days))]
    ticks = nice_ticks(max(totals, default=Decimal(0)))
    every = _tick_every(len(days))
    columns = tuple(
        Column(
            day=day,
            total=totals[i],
            height=_percent(totals[i], ticks[0]),
            segments=_segments([(name, values[i]) for name, values in series], totals[i]),
            tick=(len(days) - 1 - i) % every == 0,
            minor=(len(days) - 1 - i) % (2 * every) != 0,
            right=i / len(days) >= 0.42,
            partial=day == today,
        )
        for i, day in enumerate(days)
    )
    total = sum(totals, Decimal(0))
    legend = tuple(
        LegendRow(series=n, name=name, total=sum(values, Decimal(0)), share=_share(sum(values, Decimal(0)), total))
        for n, (name, values) in enumerate(series)
    )
    table = tuple(
        (day, tuple(values[i] for _name, values in series), totals[i]) for i, day in reversed(list(enumerate(days)))
    )
    return Chart(columns=columns, ticks=ticks, legend=legend, total=total, density=_density(len(days)), table=table)


def _segments(values: Sequence[tuple[str, Decimal]], total: Decimal) -> tuple[Segment, ...]:
    """Stacked from the bottom in the order of the series; what counted nothing has no segment."""
    segments, below = [], Decimal(0)
    for n, (name, value) in enumerate(values):
        if value > 0:
            below += value
            top, height = _percent(total - below, total), _percent(value, total)
            segments.append(Segment(series=n, name=name, value=value, y=top, height=height))
    return tuple(segments)


def _percent(part: Decimal, whole: Decimal) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "0%"


def _share(part: Decimal, whole: Decimal) -> int:
    return round(100 * part / whole) if whole else 0


def _tick_every(days: int) -> int:
    if days <= 10:
        return 1
    if days <= 45:
        return 7
    return 14 if days <= 120 else max(30, days // 8)


def _density(days: int) -> str:
    if days <= 10:
        return "few"
    return "many" if days > 45 else ""
