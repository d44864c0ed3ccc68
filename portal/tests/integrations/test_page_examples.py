"""What the page “Use the API” shows is run as it is shown, against the running portal."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import deno
import pytest

from billing.api.guide.snippets import LANGUAGES, Snippet, snippets
from portal.tests.integrations.conftest import INTEGRATIONS, Customer, Make

MODEL, USAGE = "openai/gpt-4o-mini", {"input_tokens": 1200, "output_tokens": 300}


def run(place: Path, customer: Customer, command: list[str]) -> str:
    own = {"PURSER_KEY": customer.key, "DENO_DIR": str(place), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=place, env=os.environ | own, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def curl(place: Path, customer: Customer, shown: tuple[Snippet, ...]) -> str:
    return "".join(run(place, customer, ["bash", "-ec", snippet.code]) + "\n" for snippet in shown)


def python(place: Path, customer: Customer, shown: tuple[Snippet, ...]) -> str:
    shutil.copy(INTEGRATIONS / "python" / "purser.py", place)
    (place / "example.py").write_text("\n\n".join(snippet.code for snippet in shown))
    return run(place, customer, [sys.executable, "example.py"])


def typescript(place: Path, customer: Customer, shown: tuple[Snippet, ...]) -> str:
    shutil.copy(INTEGRATIONS / "typescript" / "purser.ts", place)
    (place / "example.ts").write_text("\n\n".join(snippet.code for snippet in shown))
    deno_ = [deno.find_deno_bin(), "run", "--no-remote", "--no-npm", "--allow-net", "--allow-env", "example.ts"]
    return run(place, customer, deno_)


RUNNERS: dict[str, Callable[[Path, Customer, tuple[Snippet, ...]], str]] = {
    "curl": curl,
    "python": python,
    "typescript": typescript,
}
TOLD = {
    "curl": ['"estimated_credits":0.072', '"balance":1000,', '"hold_status":"settled"'],
    "python": ["0.072 True", "1000 0 0", "0.072 999.928"],
    "typescript": ["0.072 true", "1000 healthy", "0.072"],
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_examples_work_as_they_are_shown(tmp_path: Path, customer: Make, language: str) -> None:
    orbit = customer(1_000)
    shown = snippets(language, base_url=orbit.url, model=MODEL, usage=USAGE, records=True)
    lines = RUNNERS[language](tmp_path, orbit, shown).splitlines()
    assert len(lines) == len(TOLD[language])
    assert [told for told, line in zip(TOLD[language], lines, strict=True) if told not in line] == []
    summary = orbit.purser.summary()
    assert (summary.balance * 1_000, summary.held) == (999_928, 0)
