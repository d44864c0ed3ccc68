"""Rebuild the bundled media prices from a copy of LiteLLM's price file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.pricing.sources import bundled, litellm
from billing.pricing.sources.rows import Reading, resolve_conflicts


class Command(BaseCommand):
    help = "Convert LiteLLM's model_prices_and_context_window_backup.json into the bundled snapshot (for releases)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the JSON file out of a litellm wheel")
        parser.add_argument("--release", required=True, help="the litellm release it is from, for example 1.109.1")
        parser.add_argument("--output", type=Path, default=bundled.PATH)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text = options["file"].read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(f"cannot read {options['file']}: {error.strerror}") from error
        reading = litellm.read_text(text, version=f"litellm {options['release']}")
        rows, clashes = resolve_conflicts(reading.rows)
        final = Reading(reading.source, reading.version, list(rows.values()), reading.models)
        size = bundled.write(final, options["output"])
        self.stdout.write(f"{len(reading.models)} models, {len(rows)} prices, {clashes} clashes, {size} bytes")
        for what, count in sorted(reading.notes.items()):
            self.stdout.write(f"  left out {count:4d} {what}")
