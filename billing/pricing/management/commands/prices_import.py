"""Read the price sources and apply what changed."""

import json
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.pricing.refresh import enabled
from billing.pricing.services import ImportReport, import_reading, source_import
from billing.pricing.sources import SOURCES, litellm, understood
from billing.pricing.sources.rows import SourceError


class Command(BaseCommand):
    help = (
        "Read the prices of all sources that are enabled, or of those named. Importing the same prices again changes "
        "nothing. Ends with 1 when a source could not be read or was not believed; its prices then stay as they are."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--source", action="append", choices=list(SOURCES), help="only this source (repeatable)")
        parser.add_argument("--file", type=Path, help="read this copy of LiteLLM's price file (source litellm)")
        parser.add_argument("--offline", action="store_true", help="only sources that come with Purser")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
        parser.add_argument(
            "--vanish",
            type=Decimal,
            help="share of lines that may be missing this once, 0 to 1 (default: the site setting, of 10 percent)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        vanish: Decimal | None = options["vanish"]
        if vanish is not None and not 0 <= vanish <= 1:
            raise CommandError("--vanish is a share between 0 and 1")
        if options["file"]:
            reports = [_from_file(options["file"], options["source"], vanish)]
            self._say(reports[0], options["json"])
        else:
            reports = []
            for source in options["source"] or enabled(fetched=not options["offline"]):
                if not options["json"]:
                    self.stdout.write(f"{source}: reading …")
                    self.stdout.flush()
                reports.append(source_import(source, vanish=vanish))
                self._say(reports[-1], options["json"])
        if options["json"]:
            self.stdout.write(json.dumps({"imports": [asdict(report) for report in reports]}, indent=2))
        if any(report.problem for report in reports):
            raise SystemExit(1)

    def _say(self, report: ImportReport, as_json: bool) -> None:
        if not as_json:
            self.stdout.write(" ".join(filter(None, (report.source, report.version))) + f": {_words(report)}")


def _from_file(path: Path, sources: list[str] | None, vanish: Decimal | None) -> ImportReport:
    if sources not in (None, [litellm.SOURCE]):
        raise CommandError("--file is for the source litellm")
    try:
        text = path.read_text(encoding="utf-8-sig")
        reading = understood(lambda: litellm.read_file(text))
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"cannot read {path}: it is not text in UTF-8") from error
    except SourceError as problem:
        raise CommandError(f"cannot read {path}: {problem}") from problem
    return import_reading(reading, vanish=vanish)


def _words(report: ImportReport) -> str:
    if report.error:
        return f"NOT READ, {report.error}"
    if report.abort:
        return f"REFUSED, {report.abort}"
    if report.noop:
        return f"{report.lines} prices, nothing new"
    counts = f"{report.added} added, {report.changed} changed, {report.retired} retired, {report.unchanged} unchanged"
    waiting = f", {report.held} waiting for approval" if report.held else ""
    differing = f", {report.differs} differ from another source" if report.differs else ""
    return f"{counts}{waiting}{differing} ({report.models} models, {report.seconds:.1f} s)"
