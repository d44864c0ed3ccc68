"""Play a request trace through the HTTP API."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from accounts.models import Workspace
from accounts.scopes import KeyKind, Scope
from accounts.services.keys import api_key_create, api_key_revoke
from billing.api import jsontext
from billing.api.access import WORKSPACE_HEADER
from billing.api.recording import MOST_EVENTS
from billing.api.replay.client import ApiError, Client
from billing.api.replay.player import Played, play, shift_of
from billing.api.replay.trace import BadTrace, Trace, inspect
from billing.credits import clock
from billing.credits.units import credits


class Command(BaseCommand):
    help = (
        "Play a trace (CSV with the columns TIMESTAMP, ContextTokens, GeneratedTokens) through the running portal's "
        "HTTP API. Stamps are shifted so that the last one is now. Playing the same file again changes nothing: "
        "event ids come from the file, the row and the model. An interrupted run goes on where it stopped."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--workspace", required=True, help="id or external id of the workspace")
        parser.add_argument("--model", required=True, help="such as openai/gpt-4o-mini")
        parser.add_argument("--keep-times", action="store_true", help="send the stamps as they are")
        parser.add_argument("--url", default=settings.SITE_URL, help="the running portal (default: %(default)s)")
        parser.add_argument("--key", help="an API key that may record usage; default: a service key for this run only")
        parser.add_argument("--batch-size", type=int, default=MOST_EVENTS, help="events per request, 1 to 1000")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["batch_size"] <= MOST_EVENTS:
            raise CommandError(f"--batch-size is 1 to {MOST_EVENTS}.")
        try:
            trace = inspect(options["file"])
            with _key(options["key"], options["workspace"]) as key:
                played = self._play(trace, key, options)
        except (BadTrace, ApiError, OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from error
        self._report(played, as_json=options["json"])
        if played.rejected:
            raise CommandError(f"{played.rejected} events were rejected, such as {played.examples[0]}")

    def _play(self, trace: Trace, key: str, options: dict[str, Any]) -> Played:
        client = Client(options["url"], {"Authorization": f"Bearer {key}", WORKSPACE_HEADER: options["workspace"]})
        model = options["model"]
        try:
            now = clock.now()
            shift = now - now if options["keep_times"] else shift_of(client, trace, model, now=now)
            with _progress(trace.rows) as advance:
                return play(client, trace, model=model, shift=shift, batch_size=options["batch_size"], progress=advance)
        finally:
            client.close()

    def _report(self, played: Played, *, as_json: bool) -> None:
        counts = {name: getattr(played, name) for name in ("events", "accepted", "duplicates", "unrated", "rejected")}
        if as_json:
            total = {"credits": credits(played.nano), "credits_nano": str(played.nano)}
            self.stdout.write(jsontext.dumps({**total, **counts, "examples": played.examples}))
            return
        said = ", ".join(f"{count} {name}" for name, count in counts.items() if name != "events")
        self.stdout.write(f"{credits(played.nano):f} credits taken for {played.events} events: {said}")


@contextmanager
def _key(given: str | None, workspace: str) -> Iterator[str]:
    """The key to use. Without one, a service key that ends with this run."""
    if given:
        yield given
        return
    if not Workspace.objects.filter(Q(public_id=workspace) | Q(external_id=workspace)).exists():
        raise CommandError(f"There is no workspace {workspace!r}.")
    key, plain = api_key_create(
        kind=KeyKind.SERVICE,
        workspace=None,
        name="usage_replay",
        scopes=[Scope.USAGE_READ, Scope.USAGE_WRITE],
        rate_limit=60_000,
    )
    try:
        yield plain
    finally:
        api_key_revoke(key=key, by=None)


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    columns = (TextColumn("Replaying"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("replay", total=total)
        yield lambda count: progress.advance(task, count)
