"""Whatever is changed in a real proof, the verifier refuses it."""

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from billing.ledger.proof import verifier
from billing.ledger.proof.tests.checking import heads, lines_of, rechained, refusal, seal, sealed

pytestmark = pytest.mark.django_db
Path = tuple[Any, ...]
Lines = list[dict[str, Any]]

# Names for people, and when the file was made: the chain does not vouch for them, only the file's own digest.
LABELS = {
    (0, "workspace", "id"),
    (0, "workspace", "name"),
    (0, "unit", "name"),
    (0, "unit", "plural"),
    (0, "exported_at"),
}
# How many of the possible changes are tried.
SAMPLE = pytest.mark.parametrize("part", [0.1, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"])
BYTES = pytest.mark.parametrize("times", [100, pytest.param(5_000, marks=pytest.mark.slow)], ids=["some", "many"])


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every part of a JSON value, the smallest first."""
    if isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, name))
    yield path, value


def changes(value: Any) -> Iterator[Any]:
    """Other values of the same kind, as near as possible, and some of another kind."""
    if isinstance(value, dict):
        yield from ({k: v for k, v in value.items() if k != name} for name in value)
        yield {**value, "more": 1}
    elif isinstance(value, list):
        yield from (value[:n] + value[n + 1 :] for n in range(len(value)))
        yield from ([*value[:n], value[n + 1], value[n], *value[n + 2 :]] for n in range(len(value) - 1))
        yield value + value[-1:] if value else [[1, 1]]
    elif isinstance(value, int):
        yield from (value + 1, value - 1, -value or 5, str(value), float(value), value == 1, 2**64)
    elif value is None:
        yield from (0, 1, "", [], False)
    elif verifier.KINDS["d"](value):
        yield from (("1" if value[0] == "0" else "0") + value[1:], value.upper().replace("0", "A"), value[:-1])
    elif verifier.KINDS["z"](value):
        other = "1" if value[-2] == "0" else "0"
        yield from (value[:-2] + other + "Z", "2019" + value[4:], "2031" + value[4:], value[:-1] + "+")
    else:
        yield from (value + "x", value[:-1] if value else "y", value.upper() if value != value.upper() else "z", None)


def changed(line: dict[str, Any], path: Path, value: Any) -> Any:
    if not path:
        return value
    copied = copy.deepcopy(line)
    place: Any = copied
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return copied


def every_change(lines: Lines, part: float, *, of: str = "") -> Iterator[tuple[Path, Lines]]:
    """The file with one change: every one of every place, or some of `part` of the places. `of`: only of lines of that
    kind.
    """
    chance = random.Random(2)
    for number, line in enumerate(lines[:-1]):
        if of and of not in line:
            continue
        for path, value in places(line):
            if chance.random() > part:
                continue
            others = [other for other in changes(value) if repr(other) != repr(value)]
            for other in others if part == 1 else chance.sample(others, 1 + len(others) // 7):
                yield (number, *path), [*lines[:number], changed(line, path, other), *lines[number + 1 :]]


def test_the_helpers_change_nothing_by_themselves(proof: bytes) -> None:
    assert sealed(lines_of(proof)) == rechained(lines_of(proof)) == proof
    assert refusal(proof) == ""


@SAMPLE
def test_any_change_of_any_field_is_refused(proof: bytes, part: float) -> None:
    tried = set()
    for path, lines in every_change(lines_of(proof), part):
        tried.add(path)
        assert refusal(sealed(lines)) or path in LABELS, (path, lines[path[0]])
    assert len(tried) > (2_000 if part == 1 else 130)


@SAMPLE
def test_a_chain_worked_out_anew_is_refused_when_a_head_is_known(proof: bytes, part: float) -> None:
    known = heads(proof)
    for path, lines in every_change(lines_of(proof), part, of="transfer"):
        if path[1:2] == ("transfer",):
            assert refusal(rechained(lines), known[path[0] - 1]), path


@SAMPLE
def test_no_amount_account_or_lot_can_be_changed_even_in_a_new_chain(proof: bytes, part: float) -> None:
    """Who knows no head can be told other texts, times, and an order of takes, but no other way to the balance."""
    kept = set()
    for path, lines in every_change(lines_of(proof), part, of="transfer"):
        if path[1:2] == ("transfer",) and len(path) > 2 and not refusal(rechained(lines)):
            kept.add(path[2:] if path[2] in (13, 14) else path[2:3])
    texts = {(3,), (4,), (9,), (10,)}  # operation, kind, when it happened, when it was written
    terms = {(14, 0), (14, 1), (14, 2), (14, 4), (14, 5), (14, 6), (14,)}  # of a lot: all but its amount
    order = {(12,), (13,)}  # which of several entries it reverses, the order of its takes; no lot and no amount of one
    assert kept
    assert kept <= texts | terms | order


@BYTES
def test_any_changed_byte_is_refused(proof: bytes, times: int) -> None:
    chance = random.Random(3)
    for _ in range(times):
        place = chance.randrange(len(proof))
        other = chance.choice([byte for byte in range(256) if byte != proof[place]])
        assert refusal(proof[:place] + bytes([other]) + proof[place + 1 :]), (place, other)


@BYTES
def test_any_changed_byte_is_refused_also_with_a_new_digest_of_the_file(proof: bytes, times: int) -> None:
    chance = random.Random(4)
    body = proof[: proof.rindex(b'{"sha256"')]
    for _ in range(times):
        place = chance.randrange(body.index(b"\n"), len(body))
        other = chance.choice([byte for byte in range(256) if byte != body[place]])
        forged = body[:place] + bytes([other]) + body[place + 1 :]
        assert refusal(forged + seal(forged)), (place, other)


@BYTES
def test_any_missing_or_added_byte_is_refused(proof: bytes, times: int) -> None:
    chance = random.Random(5)
    for _ in range(times // 3):
        place = chance.randrange(len(proof))
        assert refusal(proof[:place] + proof[place + 1 :]), place
        assert refusal(proof[:place] + bytes([chance.randrange(128)]) + proof[place:]), place
        assert refusal(proof[:place]), place


@pytest.mark.parametrize("again", [sealed, rechained], ids=["as it is", "chain worked out anew"])
def test_lines_cannot_be_left_out_doubled_or_exchanged(proof: bytes, again: Callable[[Lines], bytes]) -> None:
    lines = lines_of(proof)
    for n in range(len(lines) - 1):
        assert refusal(again(lines[:n] + lines[n + 1 :])), n
        assert refusal(again(lines[: n + 1] + lines[n:])), n
        if n < len(lines) - 2:
            assert refusal(again([*lines[:n], lines[n + 1], lines[n], *lines[n + 2 :]])), n


def test_a_file_that_was_cut_off_says_so(proof: bytes) -> None:
    whole = proof.splitlines(keepends=True)
    for n in range(1, len(whole)):
        assert refusal(b"".join(whole[:n])) == "the file ends too early: a part of it is missing"
    assert refusal(proof + b"\n") == "something follows the end of the proof"
    assert refusal(proof + proof) == "something follows the end of the proof"
