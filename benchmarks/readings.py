"""What reading with few and with many events comes to. Imports no Django."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Read:
    """Milliseconds of one request (the middle one) and the pages of the database that it touched, by workspace; the
    first is what the others are compared with.
    """

    name: str
    times: Mapping[str, float]
    pages: Mapping[str, int]
    target: float | None = None  # × what the first one takes

    def as_dict(self) -> dict[str, Any]:
        first = next(iter(self.times.values()))
        found: dict[str, Any] = {"name": self.name, "target": self.target}
        for workspace, took in self.times.items():
            ratio = round(took / first, 2)
            found[workspace] = {"ms": round(took, 1), "ratio": ratio, "pages": self.pages[workspace]}
            if self.target is not None:
                found[workspace]["met"] = ratio <= self.target
        return found


def show_reading(reads: Sequence[Read]) -> None:
    if not reads:
        return
    names = list(reads[0].times)
    heads = [names[0], *[head for name in names[1:] for head in (name, "ratio")]]
    table = Table("", *heads, "target", title="One request, and pages touched in the database")
    for read in reads:
        values = read.as_dict()
        cells = []
        for name in names:
            of = values[name]
            cells.append(f"{of['ms']:.1f} ms, {of['pages']:,}")
            if name != names[0]:
                cells.append(f"{of['ratio']:.2f}")
        met = "met" if all(values[name].get("met") for name in names) else "missed"
        table.add_row(read.name, *cells, f"≤ {read.target}: {met}" if read.target is not None else "")
    Console(width=130).print(table)
