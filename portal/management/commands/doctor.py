"""manage.py doctor: what is wrong with this installation, and what to do about it."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.doctor.examine import examine
from portal.doctor.findings import Finding

MARKS = {"ok": "ok  ", "note": "note", "wrong": "FAIL"}
WIDTH = 18


class Command(BaseCommand):
    help = (
        "Try database, clock, cache, broker, worker, beat, address, mail, Stripe, webhooks, settings and books, and say"
        " what to put right. Exit status 1 when something is wrong."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--mail-to", default="", metavar="ADDRESS", help="also send a test message")
        parser.add_argument("--json", action="store_true", help="the findings as a JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        found = []
        for finding in examine(mail_to=options["mail_to"]):
            found.append(finding)
            if not options["json"]:
                self._say(finding)
        wrong = sum(finding.state == "wrong" for finding in found)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in found], indent=2))
        elif wrong:
            self.stdout.write(f"\n{wrong} to put right.")
        else:
            self.stdout.write("\nAll is well.")
        if wrong:
            raise SystemExit(1)

    def _say(self, finding: Finding) -> None:
        self.stdout.write(f"  {MARKS[finding.state]}  {finding.part:{WIDTH}} {finding.found}")
        if finding.fix:
            self.stdout.write(f"  {'':{len(MARKS['ok'])}}  {'':{WIDTH}} → {finding.fix}")
