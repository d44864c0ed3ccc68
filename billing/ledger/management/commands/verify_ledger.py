import json
from argparse import ArgumentParser
from dataclasses import asdict
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Workspace
from billing.ledger.management.lookup import workspace_named
from billing.ledger.verify import Report, verify


class Command(BaseCommand):
    help = (
        "Recompute every workspace's chain, lots and balance from the rows. Exit status 1 when anything does not add "
        "up; nothing is changed."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", help="only this one: its id or external id")
        parser.add_argument("--json", action="store_true", help="machine-readable output")

    def handle(self, *args: Any, **options: Any) -> None:
        started = monotonic()
        workspace = workspace_named(options["workspace"]) if options["workspace"] else None
        report = verify(workspace_id=workspace.pk if workspace else None)
        seconds = round(monotonic() - started, 3)
        names = _names(report)
        if options["json"]:
            problems = [{**asdict(problem), "workspace": names[problem.workspace_id]} for problem in report.problems]
            for problem in problems:
                del problem["workspace_id"]
            self.stdout.write(
                json.dumps(
                    {
                        "ok": report.ok,
                        "workspaces": report.workspaces,
                        "transfers": report.transfers,
                        "seconds": seconds,
                        "problems": problems,
                    }
                )
            )
        else:
            self._say(report, names, seconds)
        if not report.ok:
            # Raised for the exit status; the findings are printed already.
            raise CommandError(f"The ledger does not add up: {len(report.problems)} problems.", returncode=1)

    def _say(self, report: Report, names: dict[int, str], seconds: float) -> None:
        for problem in report.problems:
            where = f" transfer {problem.seq}" if problem.seq is not None else ""
            self.stdout.write(f"{names[problem.workspace_id]}{where}: {problem.code}: {problem.detail}")
        checked = f"{report.workspaces:,} workspaces, {report.transfers:,} transfers in {seconds:.1f} s"
        if report.ok:
            self.stdout.write(self.style.SUCCESS(f"Everything adds up: {checked}."))
        else:
            self.stdout.write(f"Checked {checked}.")


def _names(report: Report) -> dict[int, str]:
    ids = {problem.workspace_id for problem in report.problems}
    return dict(Workspace.objects.filter(pk__in=ids).values_list("pk", "public_id"))
