"""manage.py service_key_create: a key for the operator's own backend."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import Refused
from accounts.scopes import KeyKind, Scope
from accounts.services.keys import api_key_create


class Command(BaseCommand):
    help = "Create a service key: it acts for every workspace, named per request in Purser-Workspace (shown once)."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument(
            "--scopes",
            default=",".join(Scope),
            help=f"comma-separated, default all: {', '.join(Scope)}; one that only reports usage needs no workspaces:…",
        )
        parser.add_argument("--rate-limit", type=int, help="requests per minute")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        if unknown := sorted(set(scopes) - set(Scope)):
            raise CommandError(f"Unknown scopes: {', '.join(unknown)}. There are {', '.join(Scope)}.")
        try:
            key, plain = api_key_create(
                kind=KeyKind.SERVICE,
                workspace=None,
                name=options["name"],
                scopes=scopes,
                rate_limit=options["rate_limit"],
            )
        except Refused as error:
            raise CommandError(error.message) from None
        report = {"api_key": plain, "prefix": key.prefix, "name": key.name, "scopes": key.scopes}
        text = f"Service key  {plain}  (shown only now)\nScopes       {', '.join(key.scopes)}"
        self.stdout.write(json.dumps(report, indent=2) if options["json"] else text)
