"""The export: JSON Lines, written while it is read. docs/proof.md describes the format for those who verify it."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.site.selectors import site
from billing.ledger.chain import stamp
from billing.ledger.models import Wallet
from billing.ledger.proof.items import with_items
from billing.ledger.proof.pace import Pace
from billing.ledger.proof.rows import WalletNow, chunks, wallet_now
from billing.ledger.services import wallet_settle

FORMAT, VERSION = "purser-proof", 1
CONTENT_TYPE = "application/jsonl"
SCRIPT = Path(__file__).with_name("verifier.py")  # what customers are given as verify_balance.py
BLOCK = 65_536  # bytes handed over at once

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def export(workspace: Workspace) -> Iterator[bytes]:
    """The proof of a workspace's balance as of now, in blocks of whole lines.

    The balance is read at once, history while the blocks are taken: it is append-only, and what comes in meanwhile is
    not in the proof. No transaction is open in between.
    """
    now = clock.now()
    if Wallet.objects.filter(pk=workspace.pk, next_due_at__lte=now).exists():
        wallet_settle(
            workspace_id=workspace.pk
        )  # so that the balance is that of the pages, which subtract what expired
    return _blocks(_lines(workspace, wallet_now(workspace.pk), stamp(now)))


def _lines(workspace: Workspace, wallet: WalletNow, exported_at: str) -> Iterator[str]:
    unit = site()
    yield _line(
        {
            "format": FORMAT,
            "version": VERSION,
            "workspace": {"number": workspace.pk, "id": workspace.public_id, "name": workspace.name},
            "unit": {"name": unit.credit_name, "plural": unit.credit_name_plural, "nano": NANO},
            "exported_at": exported_at,
        }
    )
    for entries in chunks(workspace.pk, wallet.seq):
        for entry, items in with_items(workspace.pk, entries):
            events = f',"items":{_encode(items)}' if entry.has_items else ""
            yield f'{{"transfer":{entry.text()},"digest":"{entry.digest.hex()}"{events}}}\n'
    for lot in wallet.lots:
        yield _line({"lot": lot})
    amounts = {name: getattr(wallet, name) for name in ("available", "held", "debt", "overdraft_held")}
    yield _line({"closing": {"seq": wallet.seq, "head": wallet.head.hex(), **amounts}})


def _line(content: dict[str, Any]) -> str:
    return _encode(content) + "\n"


def _blocks(lines: Iterable[str]) -> Iterator[bytes]:
    """The lines, and a last one with the digest of all before it."""
    seal = hashlib.sha256()
    pace = Pace()
    pending: list[str] = []
    size = 0
    for line in lines:
        pending.append(line)
        size += len(line)
        pace.rest()
        if size >= BLOCK:
            block = "".join(pending).encode("ascii")
            seal.update(block)
            yield block
            pending, size = [], 0
            pace.go_on()
    block = "".join(pending).encode("ascii")
    seal.update(block)
    yield block + _line({"sha256": seal.hexdigest()}).encode("ascii")
