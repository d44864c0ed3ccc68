"""Running the verifier, and making a file look right that is not."""

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from billing.ledger.proof import verifier

SCRIPT = Path(verifier.__file__)


def run(path: Path | str, *options: str) -> tuple[int, str]:
    """The script as a customer runs it: exit status and what it prints."""
    done = subprocess.run([sys.executable, "-I", SCRIPT, path, *options], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def refusal(content: bytes, *heads: str) -> str:
    """Why `content` is not valid; empty when it is. In this process: a thousand times as fast."""
    proof = verifier.Proof(io.BytesIO(content), io.BytesIO(content), [verifier.head_of(head) for head in heads])
    try:
        proof.verify()
    except verifier.Refused as refused:
        return str(refused)
    return ""


def lines_of(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def sealed(lines: Sequence[dict[str, Any]]) -> bytes:
    """The file with these lines and, in place of the last one, a right digest of itself."""
    content = b"".join(verifier.dump(line) + b"\n" for line in lines[:-1])
    return content + seal(content)


def seal(content: bytes) -> bytes:
    return verifier.dump({"sha256": hashlib.sha256(content).hexdigest()}) + b"\n"


def rechained(lines: Sequence[dict[str, Any]]) -> bytes:
    """The same with every digest of the chain worked out anew, as a forger would."""
    head = bytes(32)
    forged = []
    for line in lines:
        if "transfer" in line:
            head = hashlib.sha256(head + verifier.dump(line["transfer"])).digest()
            forged.append({**line, "digest": head.hex()})
        elif "closing" in line:
            forged.append({"closing": {**line["closing"], "head": head.hex()}})
        else:
            forged.append(line)
    return sealed(forged)


def heads(content: bytes) -> list[str]:
    """What receipts could have printed: number:digest of every entry."""
    return [f"{line['transfer'][2]}:{line['digest']}" for line in lines_of(content) if "transfer" in line]
