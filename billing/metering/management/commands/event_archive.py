from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.foundation.site.selectors import site
from billing.metering.archive import files
from billing.metering.archive.services import archive_old_events
from billing.metering.archive.verify import archive_problems
from billing.metering.models import EventArchive


class Command(BaseCommand):
    help = (
        "Archive the details of old usage events to files, as the site settings say; list, verify or print the files."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        doing = parser.add_subparsers(dest="do", required=True)
        doing.add_parser("run", help="archive what is due, now")
        doing.add_parser("list", help="the files there are")
        doing.add_parser("verify", help="recompute the digest of every file and compare it with the database")
        shown = doing.add_parser("print", help="the events of a file as JSON Lines, after its digest was verified")
        shown.add_argument("file", help="as `list` and a receipt name it: ws_…/2026-01-0001.jsonl.gz")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['do']}")(**options)

    def _run(self, **_options: Any) -> None:
        if not site().event_detail_months:
            raise CommandError("Details are kept for ever: the site settings (Keeping) name no number of months.")
        try:
            done = archive_old_events()
        except files.ArchiveDamaged as error:
            raise CommandError(f"Nothing was changed: {error}") from error
        self.stdout.write(f"{done:,} events archived.")

    def _list(self, **_options: Any) -> None:
        for archive in EventArchive.objects.order_by("workspace", "month", "part"):
            self.stdout.write(f"{archive.file}  {archive.events:>6,} events  sha256 {bytes(archive.sha256).hex()}")

    def _verify(self, **_options: Any) -> None:
        archives = EventArchive.objects.order_by("workspace", "month", "part")
        problems = [problem for archive in archives.iterator() for problem in archive_problems(archive)]
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            raise CommandError(f"{len(problems)} problems.", returncode=1)
        self.stdout.write(self.style.SUCCESS(f"{archives.count():,} files are as they were written."))

    def _print(self, *, file: str, **_options: Any) -> None:
        archive = EventArchive.objects.filter(file=file).first()
        if archive is None:
            raise CommandError(f"The database knows no file {file!r}; `event_archive list` shows those there are.")
        try:
            for line in files.lines(archive.file, bytes(archive.sha256)):
                self.stdout.write(line, ending="")
        except files.ArchiveDamaged as error:
            raise CommandError(str(error)) from error
