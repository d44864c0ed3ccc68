from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from billing.ledger.management.lookup import workspace_named
from billing.usage.budgets.services import budgets_recount


class Command(BaseCommand):
    help = "Count anew what the budgets of a workspace have spent and hold, from its usage and its open holds."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="its id (ws_…) or external id")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = workspace_named(options["workspace"])
        self.stdout.write(f"{budgets_recount(workspace)} budgets of {workspace.name} were counted anew.")
