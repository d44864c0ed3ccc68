import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError

from billing.ledger.management.lookup import workspace_named
from billing.ledger.proof.export import SCRIPT, export


class Command(BaseCommand):
    help = "Write the proof of a workspace's balance: its whole ledger as JSON Lines, to be verified by anybody."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="its id (ws_…) or external id")
        parser.add_argument("--output", type=Path, help="the file to write (default: standard output)")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = workspace_named(options["workspace"])
        path: Path | None = options["output"]
        if path is None:
            _write(export(workspace), sys.stdout.buffer)
            return
        try:
            with path.open("wb") as file:
                _write(export(workspace), file)
        except OSError as error:
            raise CommandError(f"The file cannot be written: {error}") from None
        self.stdout.write(f"The proof of {workspace.name} is in {path}. Verify it with: python3 {SCRIPT} {path}")


def _write(blocks: Iterable[bytes], file: BinaryIO) -> None:
    for block in blocks:
        file.write(block)
    file.flush()
