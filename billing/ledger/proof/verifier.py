#!/usr/bin/env python3
"""Verify a proof of balance:  python3 verify_balance.py proof.jsonl [--head NUMBER:DIGEST]...

Recomputes the ledger in the file from its first entry on: the chain of digests, every account, every lot of credits,
and the events behind every charge. It believes no number that it can work out. With --head it also checks that the
chain goes through a digest that you were given before, on a receipt for example: then nobody can have changed anything
up to that entry.

Needs Python 3.8 or newer and nothing else; sends nothing anywhere. Exit status: 0 valid, 1 not valid, 2 wrong usage.
docs/proof.md of Purser describes the format. Amounts in the file are whole billionths of a credit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

NANO = 10**9
LONGEST_LINE = 64 * 2**20
GENESIS = "0" * 64
STEP = 256  # the place in the file of every so many entries is kept, to find one again that is reversed later

BELOW_ZERO = ("issued", "debt", "overdraft")  # accounts that are never above zero, the next ones are never below
ABOVE_ZERO = ("scheduled", "available", "held", "spent", "expired", "refunded", "overdraft_held")
BEYOND = "used beyond the balance"
IN_LOTS = ("scheduled", "available", "held")  # credits in these accounts are credits in lots
OWN = (*IN_LOTS, "debt")  # what a workspace has and owes; the other accounts are outside
# Which way credits may go, debit>credit, by the first word of a transfer's kind.
FLOWS = {
    "grant": "issued>available issued>scheduled issued>debt available>issued scheduled>issued debt>issued",
    "adjust": "adjusted>available adjusted>debt available>adjusted debt>adjusted",
    "lot": "scheduled>available available>expired"
    " available>issued issued>available available>adjusted adjusted>available",  # extended: out, and in again
    "usage": "available>spent debt>spent spent>available spent>debt",
    "addon": "available>spent held>spent",
    "debt": "available>debt debt>available",
    "hold": "available>held held>spent held>available overdraft>overdraft_held overdraft_held>overdraft",
    "refund": "available>refunded scheduled>refunded debt>refunded refunded>available refunded>scheduled refunded>debt",
}

TIME = r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
KINDS: dict[str, Callable[[Any], Any]] = {
    "i": lambda item: type(item) is int and abs(item) < 2**63,
    "t": lambda item: type(item) is str,
    "d": lambda item: type(item) is str and re.fullmatch("[0-9a-f]{64}", item),
    "z": lambda item: type(item) is str and re.fullmatch(TIME, item),
    "l": lambda item: type(item) is list,
}


class Refused(Exception):
    """Why the proof is not valid."""


def need(condition: object, reason: str) -> None:
    if not condition:
        raise Refused(reason)


def credits(nano: int) -> str:
    """Exactly: 12,403.928 for 12403928000000."""
    whole, part = divmod(abs(nano), NANO)
    return f"{'-' * (nano < 0)}{whole:,}" + f".{part:09d}".rstrip("0").rstrip(".")


def dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def parse(line: bytes) -> dict[str, Any]:
    """A line of the file: a JSON object, written the one way in which a proof writes it."""
    try:
        found = json.loads(line.decode("ascii"))
        good = type(found) is dict and dump(found) + b"\n" == line
    except (ValueError, RecursionError):
        good = False
    need(good, "this is not a line of a proof")
    return found  # type: ignore[no-any-return]


def members(value: Any, names: str, what: str) -> list[Any]:
    """The values of an object that has exactly these names."""
    need(type(value) is dict and sorted(value) == sorted(names.split()), f"{what} has other parts than: {names}")
    return [value[name] for name in names.split()]


def fields(value: Any, kinds: str, what: str) -> list[Any]:
    """The fields of a list, each a whole number (i), text (t), digest (d), time (z) or list (l); a capital: or null."""
    need(type(value) is list and len(value) == len(kinds), f"{what} has not {len(kinds)} fields")
    for place, item in enumerate(value):
        good = KINDS[kinds[place].lower()](item) or (item is None and kinds[place].isupper())
        need(good, f"field {place + 1} of {what} cannot be {dump(item)[:80].decode()}")
    return value  # type: ignore[no-any-return]


class Transfer:
    """An entry of the ledger: `amount` from the account `debit` to the account `credit`, and the lots it took from."""

    def __init__(self, line: dict[str, Any]) -> None:
        text, self.digest, items = members({"items": None, **line}, "transfer digest items", "an entry")
        entry = fields(text, "tiiltttiizzDIlL", "an entry")
        version, self.workspace, self.seq, operation, self.kind, self.debit, self.credit, self.amount = entry[:8]
        self.balance, self.occurred_at, self.created_at, self.items_digest, self.reverses, takes, lot = entry[8:]
        need(version == "purser-1", "this script does not know this version of entries")
        self.operation, self.namespace, self.key, self.what = fields(operation, "itttdtt", "an operation")[:4]
        self.takes = [fields(take, "ii", "a take") for take in takes]
        self.lot = fields(lot, "ittizZT", "a lot") if lot is not None else None
        need(type(items) is list if self.items_digest else items is None, "the list of its events does not fit")
        self.items = [fields(item, "ti", "an event") for item in items or ()]
        self.text = dump(text)


class Lot:
    """Credits that came in together."""

    __slots__ = ("amount", "expires", "held", "remaining", "source", "started", "starts")

    def __init__(self, terms: list[Any], started: bool) -> None:
        self.source, _, self.amount, self.starts, self.expires = terms[1:6]
        self.remaining, self.held, self.started = self.amount, 0, started


class Ledger:
    """Everything the entries so far come to. All methods raise Refused."""

    def __init__(self, workspace: int, heads: list[tuple[int, str]], look_up: Callable[[int], Transfer]) -> None:
        self.workspace, self.look_up = workspace, look_up
        self.seq, self.head, self.at = 0, GENESIS, ""
        self.accounts = dict.fromkeys((*BELOW_ZERO, *ABOVE_ZERO, "adjusted"), 0)
        self.lots: dict[int, Lot] = {}
        self.reversed: dict[int, Transfer] = {}
        self.undone: dict[tuple[int, int], int] = defaultdict(int)  # per entry and lot (0: in all) what was reversed
        # What lots of a source got from an account, less what they gave it; the same for debt.
        self.moved: dict[tuple[str, str], int] = defaultdict(int)
        self.operation = self.charged = 0
        self.events = ("", 0)  # of the present operation: digest and sum
        self.expected = dict(heads)
        self.wanted = {*heads} - {(0, GENESIS), (-1, GENESIS)}

    def post(self, t: Transfer) -> None:
        """Check the next entry and count it in."""
        need(t.workspace == self.workspace, "the entry belongs to another workspace")
        need(t.seq == self.seq + 1, f"entry {self.seq + 1} is missing, this is entry {t.seq}")
        digest = hashlib.sha256(bytes.fromhex(self.head) + t.text).hexdigest()
        need(digest == t.digest, f"the digest of this entry and all before it is {digest}, the file says otherwise")
        need(self.expected.get(t.seq, digest) == digest, f"entry {t.seq} has another digest than --head says")
        need(t.created_at >= self.at, f"it is of {t.created_at}, but the entry before it is of {self.at}")
        if t.operation != self.operation:
            self.end_operation()
            self.operation = t.operation
        self.move(t)
        if t.lot is not None:
            self.bring(t, t.lot[0], Lot(t.lot, t.credit == "available"))
        elif (t.debit, t.credit) == ("scheduled", "available"):
            self.start(t)
        else:
            self.take(t)
        if t.reverses is not None:
            self.reverse(t)
        if t.items_digest is not None:
            self.charge(t)
        self.seq, self.head, self.at = t.seq, digest, t.created_at
        self.wanted -= {(t.seq, digest), (-1, digest)}

    def move(self, t: Transfer) -> None:
        """The accounts."""
        ways = FLOWS.get(t.kind.split(".")[0], "").split()
        need(f"{t.debit}>{t.credit}" in ways, f"{t.kind} cannot go from {t.debit} to {t.credit}")
        need(t.amount > 0, "the amount must be more than nothing")
        for account, change in ((t.debit, -t.amount), (t.credit, t.amount)):
            now = self.accounts[account] = self.accounts[account] + change
            wrong = (now > 0 and account in BELOW_ZERO) or (now < 0 and account in ABOVE_ZERO)
            need(not wrong, f"the account {account} cannot be at {credits(now)}")
        available = self.accounts["available"]
        need(t.balance == available, f"available after it is {credits(available)}, not {credits(t.balance)}")

    def bring(self, t: Transfer, lot_id: int, lot: Lot) -> None:
        need(t.debit in ("issued", "adjusted") and t.credit in IN_LOTS, f"{t.kind} cannot bring a lot in")
        need(lot_id not in self.lots, f"lot {lot_id} came in before")
        need(lot.amount == t.amount and not t.takes and not t.reverses, f"lot {lot_id} is not what this entry moves")
        need(lot.started == (lot.starts <= t.created_at), f"lot {lot_id} starts at {lot.starts}, which does not fit")
        need(lot.expires is None or lot.expires > lot.starts, f"lot {lot_id} expires before it starts")
        self.lots[lot_id] = lot
        self.moved[lot.source, t.debit] += t.amount

    def start(self, t: Transfer) -> None:
        """A scheduled lot can be used from now on; the key of the operation names it."""
        key = re.fullmatch("ledger start:([0-9]{1,19}):[0-9]{1,19}", f"{t.namespace} {t.key}")
        lot = self.lots.get(int(key.group(1))) if key else None
        if lot is None or lot.started or lot.remaining != t.amount or t.takes:
            raise Refused("it starts no lot that is scheduled")
        need(lot.starts == t.occurred_at <= t.created_at, f"the lot starts at {lot.starts}")
        lot.started = True

    def take(self, t: Transfer) -> None:
        """What the transfer did to lots: the takes say which, the accounts say how."""
        back = t.debit not in IN_LOTS and t.credit in IN_LOTS  # credits are put back: negative takes
        leaves = not (t.debit in IN_LOTS and t.credit in IN_LOTS)
        pinned = (t.credit == "held") - (t.debit == "held")
        expected = -t.amount if back else t.amount if t.debit in IN_LOTS else 0
        total = sum(part for _, part in t.takes)
        need(total == expected, f"its takes come to {credits(total)} instead of {credits(expected)}")
        returns = back or (t.debit not in OWN and t.credit in OWN)
        need(t.reverses is not None or not returns, "credits come back, but no entry is reversed")
        for lot_id, part in t.takes:
            need(lot_id in self.lots, f"it takes from lot {lot_id}, which never came in")
            lot = self.lots[lot_id]
            over = lot.expires is not None and lot.expires <= t.created_at
            waits = "scheduled" in (t.debit, t.credit)
            need(lot.started != waits, f"lot {lot_id} starts at {lot.starts}, now is {t.created_at}")
            if t.credit == "expired" and t.what == "lot.lapse":  # what is above a plan's limit for unused credits
                need(not over and lot.starts <= t.occurred_at <= t.created_at, f"lot {lot_id} cannot lapse like this")
            elif t.credit == "expired":
                need(over, f"lot {lot_id} expires at {lot.expires}, now is {t.created_at}")
            elif t.debit == "available" and t.credit != "debt":  # debt is repaid first, even by what expires at once
                need(not over, f"lot {lot_id} expired at {lot.expires}, now is {t.created_at}")
            need(part and (part < 0) == back, f"the take from lot {lot_id} goes the wrong way")
            lot.remaining -= part * leaves
            lot.held += part * pinned
            need(0 <= lot.held <= lot.remaining <= lot.amount, f"lot {lot_id} does not have {credits(part)} for this")
            if leaves:
                self.moved[lot.source, t.debit if back else t.credit] -= part
        if t.debit == "debt":
            self.moved[BEYOND, "debt" if back else t.credit] -= t.amount
        elif t.credit == "debt":
            self.moved[BEYOND, "debt" if t.debit in IN_LOTS else t.debit] += t.amount

    def reverse(self, t: Transfer) -> None:
        """What is taken back was there to be taken back, and goes the way it came."""
        need(0 < t.reverses < t.seq, f"it cannot reverse entry {t.reverses}")
        past = self.reversed.get(t.reverses) or self.look_up(t.reverses)
        self.reversed[t.reverses] = past
        if past.debit in OWN:
            back = t.credit == past.debit or (t.credit in OWN and past.credit not in OWN)
            fits = back and t.debit == past.credit
        else:
            fits = past.lot and t.debit in OWN and t.credit in (past.debit, "refunded")
        need(fits, f"{t.debit} to {t.credit} does not reverse {past.debit} to {past.credit} of entry {past.seq}")
        back = [(lot_id, -part, sum(taken for lot, taken in past.takes if lot == lot_id)) for lot_id, part in t.takes]
        for lot_id, part, most in [(0, t.amount, past.amount), *back]:
            if part > 0:
                self.undone[past.seq, lot_id] += part
                need(self.undone[past.seq, lot_id] <= most, f"more of entry {past.seq} is taken back than it moved")
            else:
                need(past.lot and past.lot[0] == lot_id, f"entry {past.seq} did not bring lot {lot_id} in")
        if past.reverses:  # it was a reversal itself: what that took back is there again
            self.undone[past.reverses, 0] -= t.amount

    def charge(self, t: Transfer) -> None:
        """The events behind it have the digest in the chain."""
        need(t.credit == "spent", "only a charge has events")
        need(all(nano > 0 and "\0" not in event for event, nano in t.items), "an event costs nothing")
        text = "".join(f"{event}\0{nano}\n" for event, nano in t.items)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        need(digest == t.items_digest, "its events are not the ones that the chain vouches for")
        need(self.events[0] in ("", digest), "an operation charges for the same events in all its entries")
        self.events = digest, sum(nano for _, nano in t.items)
        self.charged += t.amount

    def end_operation(self) -> None:
        """What holds when all entries of an operation are counted in."""
        cost = credits(self.events[1])
        need(self.events[1] == self.charged, f"{credits(self.charged)} were charged for events that cost {cost}")
        need(not (self.accounts["available"] and self.accounts["debt"]), "there are credits, but debt is not repaid")
        self.events, self.charged = ("", 0), 0

    def close(self, closing: Any) -> None:
        """The end of the file says what the entries come to."""
        self.end_operation()
        seq, head, *said = members(closing, "seq head available held debt overdraft_held", "the closing line")
        fields([seq, *said], "iiiii", "the closing line")
        need((seq, head) == (self.seq, self.head), f"the entries end with {self.seq}:{self.head}")
        balance = [abs(self.accounts[name]) for name in ("available", "held", "debt", "overdraft_held")]
        need(said == balance, f"the balance comes to {' / '.join(map(credits, balance))}, the file says otherwise")
        free = sum(lot.remaining - lot.held for lot in self.lots.values() if lot.started)
        need(free == self.accounts["available"], f"the lots have {credits(free)} that can be used")
        lost = ", ".join(digest for _, digest in self.wanted)
        need(not lost, f"the chain does not go through {lost}: it is not the one that was shown before")


class Proof:
    """A proof, read from beginning to end by one handle; the other one finds what is reversed once more."""

    def __init__(self, file: BinaryIO, again: BinaryIO, heads: list[tuple[int, str]]) -> None:
        self.file, self.again, self.heads = file, again, heads
        self.places: list[int] = []  # where every STEP-th entry begins
        self.number = self.lots = self.last_lot = 0  # of the line; how many lots; the last one
        self.closed = False

    def verify(self) -> None:
        seal, place = hashlib.sha256(), 0
        while True:
            self.number += 1
            line = self.file.readline(LONGEST_LINE)
            need(line.endswith(b"\n"), "the file ends too early: a part of it is missing")
            if self.closed:
                break
            self.read(parse(line), place)
            seal.update(line)
            place += len(line)
        need(line == b'{"sha256":"%s"}\n' % seal.hexdigest().encode(), "the file is not as it was written")
        need(not self.file.read(1), "something follows the end of the proof")

    def read(self, line: dict[str, Any], place: int) -> None:
        if self.number == 1:
            self.begin(line)
        elif "transfer" in line and not self.lots:
            transfer = Transfer(line)
            self.ledger.post(transfer)
            if transfer.seq % STEP == 1:
                self.places.append(place)
        elif "lot" in line:
            self.check_lot(*fields(members(line, "lot", "a lot")[0], "iii", "a lot"))
        else:
            self.ledger.close(members(line, "closing", "the closing line")[0])
            need(self.lots == len(self.ledger.lots), f"{len(self.ledger.lots)} lots came in, here are {self.lots}")
            self.closed = True

    def begin(self, line: dict[str, Any]) -> None:
        names = "format version workspace unit exported_at"
        kind, version, workspace, unit, self.exported_at = members(line, names, "the first line")
        need((kind, json.dumps(version)) == ("purser-proof", "1"), "this script does not know this format")
        self.workspace = fields(members(workspace, "number id name", "the workspace"), "itt", "the workspace")
        _, self.unit, nano = fields(members(unit, "name plural nano", "the unit"), "tti", "the unit")
        need(nano == NANO, "a credit has a billion parts")
        fields([self.exported_at], "z", "the first line")
        self.ledger = Ledger(self.workspace[0], self.heads, self.look_up)

    def check_lot(self, lot_id: int, remaining: int, held: int) -> None:
        lot = self.ledger.lots.get(lot_id)
        if lot is None or lot_id <= self.last_lot:
            raise Refused(f"lot {lot_id} cannot stand here")
        left = f"{credits(lot.remaining)}, {credits(lot.held)} of it held"
        need((remaining, held) == (lot.remaining, lot.held), f"lot {lot_id} comes to {left}; the file says otherwise")
        self.last_lot, self.lots = lot_id, self.lots + 1

    def look_up(self, seq: int) -> Transfer:
        """An entry that was read before."""
        self.again.seek(self.places[(seq - 1) // STEP])
        for _ in range((seq - 1) % STEP):
            self.again.readline()
        return Transfer(parse(self.again.readline()))


OUTSIDE = ("issued", "adjusted", "spent", "expired", "refunded", "debt")
MOVED = {"issued": "granted", "debt": "paid back"}


def plain(text: str) -> str:
    """Without anything that a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def say(proof: Proof) -> None:
    ledger, unit = proof.ledger, plain(proof.unit)
    number, public_id, name = proof.workspace
    print("VALID: everything in this file adds up" + ", and the chain goes through the heads given" * bool(proof.heads))
    print(f"\n{plain(name)} ({plain(public_id)}, number {number}), exported at {proof.exported_at}")
    print(f"{ledger.seq:,} entries up to {ledger.at or 'now'}, {len(ledger.lots):,} lots")
    print(f"head {ledger.seq}:{ledger.head}\n")
    for account in (*IN_LOTS, "debt", "overdraft_held"):
        print(f"{account.replace('_', ' '):15}{credits(abs(ledger.accounts[account])):>24} {unit}")
    for source in sorted({source for source, _ in ledger.moved}):
        column = [(MOVED.get(account, account), ledger.moved[source, account]) for account in OUTSIDE]
        print(f"\n{plain(source)}")
        for what, amount in [*column, ("there now", sum(amount for _, amount in column))]:
            print(f"  {what:13}{credits(amount):>24}")


def head_of(text: str) -> tuple[int, str]:
    found = re.fullmatch("(?:([0-9]{1,19}):)?([0-9a-f]{64})", text.strip().lower())
    if found is None:
        raise argparse.ArgumentTypeError("a head is NUMBER:DIGEST, or only the digest of 64 hexadecimal digits")
    return int(found.group(1) or -1), found.group(2)


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify a proof of balance.")
    parser.add_argument("file", type=Path, help="the proof as downloaded, proof.jsonl")
    text = "a chain head from a receipt; the number may be left out; may be given several times"
    parser.add_argument("--head", type=head_of, action="append", default=[], metavar="NUMBER:DIGEST", help=text)
    asked = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    proof = None
    try:
        with asked.file.open("rb") as file, asked.file.open("rb") as again:
            proof = Proof(file, again, asked.head)
            proof.verify()
    except (Refused, OSError) as error:
        print(f"NOT VALID: {f'line {proof.number}: ' if proof else ''}{plain(str(error))}")
        return 1
    say(proof)
    return 0


if __name__ == "__main__":
    sys.exit(main())
