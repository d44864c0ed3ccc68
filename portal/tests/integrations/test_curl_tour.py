"""docs/integrations/curl.md, run as it stands: each command is given to a shell and answers what the page says."""

import json
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from portal.tests.integrations.conftest import INTEGRATIONS, Make

TOUR = INTEGRATIONS / "curl.md"
STEP = re.compile(r"^```sh\n(?P<command>.*?)^```\n```(?P<kind>json|text)\n(?P<answer>.*?)^```$", re.M | re.S)
REST = "…"


def steps() -> Iterator[tuple[str, str, str]]:
    for found in STEP.finditer(TOUR.read_text()):
        yield found["command"], found["kind"], found["answer"]


def differences(told: Any, got: Any, place: str = "") -> Iterator[str]:
    """Where `got` is not what the page tells: "…" stands for anything, at the end of an object or list for the rest."""
    if told == REST:
        return
    if isinstance(told, dict) and isinstance(got, dict):
        names = told.keys() - {REST}
        if missing := names - got.keys():
            yield f"{place}: no {sorted(missing)}"
        elif REST not in told and got.keys() - names:
            yield f"{place}: also {sorted(got.keys() - names)}"
        for name in names & got.keys():
            yield from differences(told[name], got[name], f"{place}/{name}")
    elif isinstance(told, list) and isinstance(got, list):
        open_end = told[-1:] == [REST]
        told = told[:-1] if open_end else told
        if len(got) < len(told) or (len(got) > len(told) and not open_end):
            yield f"{place}: {len(got)} items"
        for index, (one, other) in enumerate(zip(told, got, strict=False)):
            yield from differences(one, other, f"{place}/{index}")
    elif told != got or isinstance(told, bool) != isinstance(got, bool):
        yield f"{place}: {got!r} instead of {told!r}"


def test_every_command_answers_what_the_page_says(tmp_path: Path, customer: Make) -> None:
    orbit = customer(1_000)
    script, answers = ["set -euo pipefail"], []
    for number, (command, kind, answer) in enumerate(steps()):
        # One shell for all: a command may use what an earlier one kept.
        script.append(f"{{ {command.replace('/tmp/', f'{tmp_path}/').rstrip()}\n}} > {tmp_path}/{number}.answer")
        answers.append((command, kind, answer))
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        env=orbit.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(answers) > 10
    for number, (command, kind, answer) in enumerate(answers):
        got = (tmp_path / f"{number}.answer").read_text()
        if kind == "json":
            assert list(differences(json.loads(answer), json.loads(got))) == [], f"{command}\n{got}"
        else:
            pattern = answer.strip().replace("[", "[[]").replace(REST, "*")
            assert fnmatchcase(got.replace("\r", "").strip(), pattern), f"{command}\n{got}"


def test_every_command_of_the_page_has_its_answer() -> None:
    assert TOUR.read_text().count("```sh\n") == len(list(steps()))
