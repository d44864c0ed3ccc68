"""Django's own command, in half the time."""

from typing import Any

from django.core.management.commands.migrate import Command as Migrate

from portal.management.rendering import options_in_place


class Command(Migrate):
    def handle(self, *args: Any, **options: Any) -> None:
        with options_in_place():
            super().handle(*args, **options)
