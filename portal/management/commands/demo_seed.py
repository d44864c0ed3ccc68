"""manage.py demo_seed: a workspace to look at."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.demo.access import Access
from portal.demo.seed import NotADemo, demo_seed


class Command(BaseCommand):
    help = (
        "Make the demo workspaces with a year of usage (once), and print the login and the key. "
        "One login is both a customer and staff, so that it sees every page. Demo installations only."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            way_in = demo_seed(say=lambda words: print(words, file=sys.stderr, flush=True))
        except NotADemo as error:
            raise CommandError(str(error)) from None
        self.stdout.write(json.dumps(asdict(way_in), indent=2) if options["json"] else _as_text(way_in))


def _as_text(way_in: Access) -> str:
    return (
        f"Portal     {way_in.url}\n"
        f"Sign in    {way_in.email}  {way_in.password}  (customer and staff in one)\n"
        f"Workspace  {way_in.workspace}\n"
        f"API key    {way_in.api_key}"
    )
