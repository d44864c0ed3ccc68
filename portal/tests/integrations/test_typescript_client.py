"""docs/integrations/typescript/purser.ts: its types are checked, and it runs against the running portal."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import deno

from portal.tests.integrations.between import BUSY, CUT, FINE, LOST, Between
from portal.tests.integrations.conftest import INTEGRATIONS, ONE_AT_A_TIME, Arrange, Make

RUN = Path(__file__).with_name("typescript_run.ts")
CONFIG = INTEGRATIONS / "typescript" / "deno.json"


def run(home: Path, command: str, *words: str) -> str:
    """Deno loads nothing from elsewhere and keeps what it makes in `home`."""
    own = {"DENO_DIR": str(home), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    asked = [deno.find_deno_bin(), command, "--no-remote", "--no-npm", "--no-lock", "--config", str(CONFIG), *words]
    done = subprocess.run(asked, env=os.environ | own, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_types_fit(tmp_path: Path) -> None:
    """Strictly, and nothing in them is code: Node, too, runs the file as it is."""
    run(tmp_path, "check", str(INTEGRATIONS / "typescript" / "purser.ts"), str(RUN))


def test_it_works_against_the_portal(tmp_path: Path, customer: Make, arrange: Arrange) -> None:
    orbit, narrow = customer(1_000), customer(10)
    arrange(narrow, ONE_AT_A_TIME)
    losing = Between(orbit.url, [LOST, CUT, BUSY, FINE, LOST])
    told: dict[str, Any] = json.loads(
        run(tmp_path, "run", "--allow-net=127.0.0.1", str(RUN), orbit.url, losing.url, orbit.key, narrow.key)
    )
    losing.shutdown()
    assert told == {
        "estimate": ["0.072", True],
        "held": ["0.000000001", "999.999999999"],
        "extended": True,
        "settled": ["0.072", "999.928", "settled"],
        "block": "0.072",
        "failed": "RangeError: no answer",
        "left": "0",
        "kept": "Problem: 400 invalid_request: A quantity is a number or a decimal string.",
        "still": "2",
        "poor": [402, "insufficient_credits", "4002144000000"],
        "narrow": [429, "concurrency_exceeded", "at once"],
        "batch": [2, 1, ["unknown_model"], "72000000"],
        "impatient": "Unreachable",
        "key": 36,  # the one that `authorize` made, to ask again with
        "texts": ["0", "0.000000001", "-0.000000001", "0.072", "1", "-12.5"],
        "balance": "997.64",
    }
    # The hold that was lost, cut off and put off is one hold; the settlement that was lost is one charge.
    assert [path.rsplit("/", 1)[1] for path, _, _ in losing.seen] == ["authorize"] * 4 + ["settle"] * 2 + ["usage"]
    assert len({key for _, _, key in losing.seen if key}) == 1
