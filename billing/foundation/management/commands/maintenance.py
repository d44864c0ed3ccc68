from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.foundation.maintenance.run import in_words, maintenance_run


class Command(BaseCommand):
    help = (
        "Do now what the monthly maintenance does: clear away dead rows, refresh statistics, build bloated indexes "
        "anew. Nothing waits for it. For databases that need longer than the worker's half hour."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        run = maintenance_run()
        if run is None:
            raise CommandError("Another process is at it.")
        for step in run.steps:
            self.stdout.write(in_words(step))
        if run.failed:
            raise CommandError(f"{run.failed} of {len(run.steps)} steps failed.", returncode=1)
        self.stdout.write(self.style.SUCCESS(f"{len(run.steps)} steps done."))
