"""Read every price source and apply what changed."""

import json
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from billing.pricing.services import ImportReport, import_reading
from billing.pricing.sources import SOURCES, read


class Command(BaseCommand):
    help = "Import prices from the installed and bundled catalogues. Importing the same prices again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--source", action="append", choices=list(SOURCES), help="only this source (repeatable)")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
        parser.add_argument(
            "--vanish", type=Decimal, default=Decimal("0.10"), help="share of lines that may be missing (default 0.10)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        reports = []
        for source in options["source"] or SOURCES:
            if not options["json"]:
                self.stdout.write(f"{source}: reading …")
                self.stdout.flush()
            report = import_reading(read(source), vanish=options["vanish"])
            reports.append(report)
            if not options["json"]:
                self.stdout.write(f"{source} {report.version}: {_words(report)}")
        if options["json"]:
            self.stdout.write(json.dumps({"imports": [asdict(report) for report in reports]}, indent=2))
        if any(report.abort for report in reports):
            raise SystemExit(1)


def _words(report: ImportReport) -> str:
    if report.abort:
        return f"REFUSED, {report.abort}"
    if report.noop:
        return f"{report.lines} prices, nothing new"
    counts = f"{report.added} added, {report.changed} changed, {report.retired} retired, {report.unchanged} unchanged"
    waiting = f", {report.held} waiting for approval" if report.held else ""
    return f"{counts}{waiting} ({report.models} models, {report.seconds:.1f} s)"
