"""The demo's login and key: made once per home, kept there, printed at every start. They open a local demo only."""

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from portal.settings.env import HOME

EMAIL = "demo@example.com"

_WORDS = """
    amber birch cedar coral delta ember fjord grove harbor iris juniper kelp lagoon maple meadow nectar ocean opal
    pebble quartz raven river saffron spruce tidal tulip umber velvet willow winter yarrow zephyr
""".split()  # noqa: SIM905


@dataclass(frozen=True)
class Access:
    """What a person needs to look around, and a program to post."""

    url: str
    email: str
    password: str
    workspace: str
    api_key: str


def new_password() -> str:
    """Short enough to type: three words and four digits."""
    return "-".join(secrets.choice(_WORDS) for _ in range(3)) + f"-{secrets.randbelow(9_000) + 1_000}"


def kept(name: str, make: Callable[[], str]) -> str:
    """The secret `name` of this home; made and kept when it is not there. Its owner alone can read it."""
    path = HOME / "secrets" / name
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return keep(name, make())


def keep(name: str, value: str) -> str:
    """Keep or replace a secret of this home."""
    path = HOME / "secrets" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    _write_private(path, value)
    return value


def write_summary(access: Access) -> Path:
    """HOME/demo.json, for scripts."""
    path = HOME / "demo.json"
    _write_private(path, json.dumps(asdict(access), indent=2) + "\n")
    return path


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)
