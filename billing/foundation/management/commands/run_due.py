"""manage.py run_due: do everything that is due now."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from billing.credits import clock
from billing.foundation.due.registry import JobRun, UnknownJob, jobs, may_travel, run_due


class Command(BaseCommand):
    help = "Run every due job once (or one of them) to the end of what is due, as Celery beat does."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--job", help="only this job")
        parser.add_argument(
            "--at", help="as if it were this time (ISO 8601, UTC if no offset); demo installations only"
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        at = _instant(options["at"]) if options["at"] else None
        if at is not None and not may_travel(demo=settings.DEMO):
            raise CommandError("--at works in a demo installation only: here time is real.")
        try:
            with clock.at(at) if at else nullcontext():
                runs = run_due(only=options["job"])
        except UnknownJob:
            names = ", ".join(sorted(job.name for job in jobs()))
            raise CommandError(f"There is no job {options['job']!r}. Jobs: {names}.") from None
        self.stdout.write(_as_json(runs) if options["json"] else _as_text(runs))
        if failed := [run.name for run in runs if run.error]:
            raise CommandError(f"Failed: {', '.join(failed)}.")


def _instant(text: str) -> datetime:
    try:
        instant = parse_datetime(text)
    except ValueError:
        instant = None
    if instant is None:
        raise CommandError(f"{text!r} is not a time like 2026-03-31T12:00:00Z.")
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _as_json(runs: list[JobRun]) -> str:
    rows = [{"job": run.name, "items": run.items, "error": run.error} for run in runs]
    return json.dumps({"jobs": rows, "items": sum(run.items for run in runs)}, indent=2)


def _as_text(runs: list[JobRun]) -> str:
    return "\n".join(f"{run.name}: {run.error or f'{run.items} done'} ({run.seconds:.2f} s)" for run in runs)
