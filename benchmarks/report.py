"""What is printed: figures beside their floors, and ratios of one figure to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from load import Measured, whole
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """A rate, beside its floor where it has one."""

    name: str
    unit: str
    http: Sequence[Measured]  # by round
    floor: Sequence[Measured] | None = None

    def as_dict(self) -> dict[str, Any]:
        http, floor = whole(self.http), whole(self.floor) if self.floor else None
        found: dict[str, Any] = {"name": self.name, "unit": self.unit, "done": http.done, **_rates(http)}
        if floor is not None:
            found |= {f"floor_{name}": value for name, value in _rates(floor).items()}
            found["ratio"] = round(http.rate / floor.rate, 3) if floor.rate else 0.0
        found["failures"] = http.failures | (floor.failures if floor else {})
        return found


@dataclass(frozen=True)
class Ratio:
    """One figure ÷ another, measured in turns: the middle of the rounds, and from which to which they go."""

    name: str
    above: Sequence[Measured]
    below: Sequence[Measured]
    target: float | None = None

    def as_dict(self) -> dict[str, Any]:
        rounds = [a.rate / b.rate for a, b in zip(self.above, self.below, strict=True) if b.rate]
        values = {"ratio": median(rounds), "lowest": min(rounds), "highest": max(rounds)} if rounds else {"ratio": 0.0}
        found: dict[str, Any] = {"name": self.name, **{name: round(value, 3) for name, value in values.items()}}
        if self.target is not None:
            found |= {"target": self.target, "met": found["ratio"] >= self.target}
        return found


@dataclass(frozen=True)
class Goal:
    """A figure that is wanted as such."""

    name: str
    value: float
    target: str
    met: bool

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "value": round(self.value, 2), "target": self.target, "met": self.met}


def _rates(measured: Measured) -> dict[str, float]:
    return {
        "per_second": round(measured.rate, 1),
        "p50_ms": round(measured.percentile(0.5), 2),
        "p99_ms": round(measured.percentile(0.99), 2),
    }


def show(figures: list[Figure], ratios: list[Ratio], goals: list[Goal], errors: Console) -> None:
    console = Console(width=130)
    table = Table("", "over HTTP", "p50", "p99", "floor", "p50", "p99", "ratio", title="Purser on this machine")
    for figure in figures:
        values = figure.as_dict()
        ratio = f"{values['ratio']:.2f}" if figure.floor else ""
        table.add_row(
            figure.name, *_cells(values, ""), *(_cells(values, "floor_") if figure.floor else [""] * 3), ratio
        )
    console.print(table)
    if ratios:
        table = Table("", "ratio", "rounds", "target", title="Measured in turns")
        for each in ratios:
            values = each.as_dict()
            span = f"{values['lowest']:.2f} – {values['highest']:.2f}" if "lowest" in values else ""
            target = f"≥ {each.target}: {'met' if values['met'] else 'missed'}" if each.target is not None else ""
            table.add_row(each.name, f"{values['ratio']:.2f}", span, target)
        for goal in goals:
            table.add_row(goal.name, f"{goal.value:,.0f}", "", f"{goal.target}: {'met' if goal.met else 'missed'}")
        console.print(table)
    for figure in figures:
        for name, count in figure.as_dict()["failures"].items():
            errors.print(f"{figure.name}: {count} × {name}", style="red")


def _cells(values: dict[str, Any], prefix: str) -> list[str]:
    rate, p50, p99 = (values[f"{prefix}{name}"] for name in ("per_second", "p50_ms", "p99_ms"))
    latencies = [f"{p50:.1f} ms", f"{p99:.1f} ms"] if p50 else ["", ""]
    return [f"{rate:,.0f} {values['unit']}", *latencies]
