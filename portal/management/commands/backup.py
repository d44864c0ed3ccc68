"""Everything an installation cannot make again, in one file: the database and the secrets."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.backups import BackupError, backup_write


class Command(BaseCommand):
    help = "Write a backup: the whole database and the installation's secrets. Runs beside a busy portal."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="default: PURSER_HOME/backups/purser-<time>.tar")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            written = backup_write(options["file"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"file": str(written), "bytes": written.stat().st_size}))
        else:
            self.stdout.write(f"{written}  {written.stat().st_size / 1_000_000:.1f} MB")
