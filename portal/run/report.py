"""What `make run` says on the terminal."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.run.config import Config

WIDTH = 12
# The shell's own random number makes every call a new event.
EXAMPLE_EVENT = (
    """{"event_id": "try-'$RANDOM$RANDOM'", "model": "openai/gpt-4o", """
    """"usage": {"input_tokens": 20000, "output_tokens": 5000}}"""
)


def say(line: str = "") -> None:
    print(line, flush=True)


def say_in_between(words: str) -> None:
    """How far a long step is."""
    if sys.stdout.isatty():
        print(f"\r  {'':{WIDTH}}{words} …", end="", flush=True)
    else:
        say(f"  {'':{WIDTH}}{words} …")


@contextmanager
def step(name: str) -> Iterator[Callable[[str], None]]:
    """Says what is being done and then how it went: `with step("prices") as outcome: …; outcome("1,204 lines")`."""
    started = time.monotonic()
    outcome = ["done"]
    live = sys.stdout.isatty()
    if live:
        print(f"  {name:{WIDTH}}…", end="", flush=True)
    try:
        yield lambda text: outcome.__setitem__(0, text)
    except BaseException:
        if live:
            print(flush=True)
        raise
    back = "\r\033[K" if live else ""
    print(f"{back}  {name:{WIDTH}}{outcome[0]}  ({time.monotonic() - started:.1f} s)", flush=True)


def tell_ready(config: Config) -> None:
    say()
    say(f"Purser is ready: {config.site_url}")
    if config.demo:
        _tell_demo(config, config.home / "demo.json")
    else:
        say("  first operator  .venv/bin/python manage.py createsuperuser")
        say("  first workspace .venv/bin/python manage.py workspace_create --help")
    say()
    say("Ctrl-C stops everything.")


def _tell_demo(config: Config, file: Path) -> None:
    try:
        demo = json.loads(file.read_text())
    except (OSError, ValueError):
        return
    say(f"  e-mail    {demo['email']}")
    say(f"  password  {demo['password']}")
    say()
    say("Record one usage event and watch the balance on the open page:")
    say(f"  curl {config.site_url}/api/v1/usage \\")
    say(f"    -H 'Authorization: Bearer {demo['api_key']}' -H 'Content-Type: application/json' \\")
    say("    -d '" + EXAMPLE_EVENT + "'")
    if config.simulated_usdc:
        say()
        say("Pay in USDC as an agent does, with test money:")
        say(f"  .venv/bin/python -m portal.standin_usdc.pay --url {config.site_url} --key {demo['api_key']} 5")
