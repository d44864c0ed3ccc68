"""Makes the virtual environment, or that of the voice engine.

Run by the Makefile with any Python >= 3.11, so it uses the standard library only.

    python3 portal/run/install.py [dev|voice]

Quick when nothing changed: a stamp in the environment keeps the digest of the requirements it was made from.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# The deep-learning packages of the voice engine stay apart: they pin much of what the portal pins otherwise.
ENVIRONMENTS = {"run": ROOT / ".venv", "dev": ROOT / ".venv", "voice": ROOT / ".venv-voice"}
LEGACY = ROOT / ".venv" / "legacy"  # not on the path: tests put it before what is
FILES = {
    "run": ("requirements.txt", "constraints.txt"),
    "dev": ("requirements-dev.txt", "requirements.txt", "constraints.txt", "requirements-legacy.txt"),
    "voice": ("requirements-voice.txt",),
}


class Failed(Exception):
    """One line for a person."""


def main(arguments: list[str]) -> int:
    kind = arguments[0] if arguments else "run"
    try:
        make(kind)
    except Failed as failure:
        print(f"purser: {failure}", file=sys.stderr)
        return 1
    return 0


def make(kind: str) -> None:
    environment = ENVIRONMENTS[kind]
    # Everything that runs is in the developers' set, too. A removed Python leaves a dangling link.
    enough = {"run": ("run", "dev")}.get(kind, (kind,))
    if _python(environment).exists() and any(_stamp(each).exists() for each in enough):
        return
    if not _works(environment):
        _create(environment)
    print("Installing packages (the first time this takes about a minute) …", flush=True)
    _install(environment, FILES[kind][0])
    if kind == "dev":
        shutil.rmtree(LEGACY, ignore_errors=True)
        _install(environment, "requirements-legacy.txt", "--no-deps", "--target", str(LEGACY))
    for old in environment.glob(".installed-*"):
        old.unlink()
    _stamp(kind).touch()


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _stamp(kind: str) -> Path:
    digest = hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in FILES[kind]))
    return ENVIRONMENTS[kind] / f".installed-{kind}-{digest.hexdigest()[:16]}"


def _works(environment: Path) -> bool:
    """Whether there is an environment with pip; its Python may have been removed, or its folder moved."""
    command = [str(_python(environment)), "-m", "pip", "--version"]
    try:
        return not subprocess.run(command, capture_output=True, check=False).returncode
    except OSError:
        return False


def _create(environment: Path) -> None:
    version = sys.version.split()[0]
    print(f"Making the virtual environment {environment.name} with Python {version} …", flush=True)
    shutil.rmtree(environment, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", environment], capture_output=True, text=True, check=False)
    if made.returncode:
        shutil.rmtree(environment, ignore_errors=True)
        if "ensurepip" in made.stdout + made.stderr:
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise Failed(f"this Python lacks its venv module: install it (Debian: apt install python{version}-venv)")
        raise Failed(f"cannot make {environment}: {_last_line(made.stderr or made.stdout)}")


def _install(environment: Path, requirements: str, *options: str) -> None:
    """pip's own output, boiled down to a count of packages."""
    command = [str(_python(environment)), "-m", "pip", "install", "--disable-pip-version-check"]
    process = subprocess.Popen(
        [*command, "--progress-bar", "off", *options, "-r", str(ROOT / requirements)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    started = shown = time.monotonic()
    count, stage, lines = 0, "found", []
    for line in process.stdout or ():
        lines.append(line.rstrip())
        count += line.startswith(("Collecting ", "Requirement already"))
        if line.startswith("Installing collected"):
            stage = "being unpacked"
        now = time.monotonic()
        if now - shown > 3:
            shown = now
            print(f"  {count} packages {stage}, {now - started:.0f} s", flush=True)
    if process.wait():
        print("\n".join(lines[-15:]), file=sys.stderr)
        raise Failed(f"the packages of {requirements} could not be installed: {_last_error(lines)}")
    print(f"  installed ({time.monotonic() - started:.0f} s)", flush=True)


def _last_error(lines: list[str]) -> str:
    errors = [line for line in lines if line.startswith("ERROR")]
    return errors[-1] if errors else _last_line("\n".join(lines))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
