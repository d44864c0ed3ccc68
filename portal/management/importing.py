"""What the import commands share: the same trial and the same import as the admin's page."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.moving.catalogue import KINDS
from portal.moving.kinds import Doer
from portal.moving.run import NotDone, Trial, import_do, import_try

ACTOR = "command line"


class ImportCommand(BaseCommand):
    kind = ""
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, UTF-8; its columns: " + ", ".join(KINDS[self.kind].columns))
        parser.add_argument("--do", action="store_true", help="take it in (default: only say what would happen)")
        parser.add_argument("--reason", default="", help="kept in the audit log")
        parser.add_argument("--json", action="store_true", help="machine-readable output")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
        kind = KINDS[self.kind]
        trial = import_try(kind, data)
        if not options["do"] or trial.done_before or trial.problems:
            self._tell(trial, as_json=options["json"])
            if trial.problems and not trial.done_before:
                raise CommandError(f"{len(trial.problems):,} problems; nothing was written.")
            return
        try:
            doer = Doer(ACTOR, reason=options["reason"], progress=lambda done: self._progress(done, trial.rows))
            run, _new = import_do(kind, data, file_name=path.name, doer=doer)
        except NotDone as error:
            raise CommandError(" ".join(problem.text for problem in error.trial.problems)) from None
        done = {"imported": True, "rows": run.rows, **run.summary}
        self.stdout.write(json.dumps(done) if options["json"] else _lines(run.rows, run.summary, "Imported"))

    def _progress(self, done: int, rows: int) -> None:
        self.stderr.write(f"{done:,} of {rows:,} rows")

    def _tell(self, trial: Trial, *, as_json: bool) -> None:
        if as_json:
            problems = [{"line": one.line, "column": one.column, "problem": one.text} for one in trial.problems]
            said = {"imported": False, "done_before": trial.done_before is not None, "rows": trial.rows}
            self.stdout.write(json.dumps({**said, **dict(trial.facts), "problems": problems}))
            return
        if trial.done_before:
            self.stdout.write(
                f"This very file was imported on {trial.done_before.at:%Y-%m-%d %H:%M} UTC. Nothing was done."
            )
            return
        for one in trial.first_problems:
            self.stdout.write(f"line {one.line}{f', {one.column}' if one.column else ''}: {one.text}")
        if not trial.problems:
            self.stdout.write(_lines(trial.rows, dict(trial.facts), "Would import"))
            self.stdout.write("Nothing was written. Add --do to take it in.")


def _lines(rows: int, facts: dict[str, str], verb: str) -> str:
    return "\n".join([f"{verb} {rows:,} rows:", *(f"  {name}: {value}" for name, value in facts.items())])
