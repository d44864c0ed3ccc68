"""Puts a backup in the place of all data."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.backups import BackupError, backup_restore


class Command(BaseCommand):
    help = "Replace the database and the secrets by those of a backup, wholly or not at all. Stop the portal first."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            kept = backup_restore(options["file"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"restored": str(options["file"]), "kept": str(kept) if kept else None}))
            return
        self.stdout.write(f"Restored {options['file']}." + (f" What was there before: {kept}" if kept else ""))
