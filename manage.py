#!/usr/bin/env python
"""Django's command-line entry point; starts the embedded PostgreSQL for the time of a command that needs it."""

import contextlib
import gc
import os
import sys

# They read files only; everything else may ask the database.
WITHOUT_DATABASE = {"", "help", "version", "collectstatic", "findstatic", "compilemessages", "makemessages", "startapp"}


def main() -> None:
    gc.disable()  # loading leaves no garbage, and looking for it took a fifth of each start; see portal.apps
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.management import execute_from_command_line

    with database(sys.argv[1:]):
        execute_from_command_line(sys.argv)


def database(arguments: list[str]) -> contextlib.AbstractContextManager[object]:
    command = arguments[0] if arguments else ""
    if os.environ.get("DATABASE_URL") or command in WITHOUT_DATABASE or {"-h", "--help"} & set(arguments):
        return contextlib.nullcontext()
    from portal.embedded import EmbeddedError, ensure_running
    from portal.home import home

    try:
        return ensure_running(home())
    except EmbeddedError as error:
        sys.exit(f"purser: {error}")


if __name__ == "__main__":
    main()
