"""The plain text of a mail as blocks: paragraphs, lists, facts, codes. Pure: what it says is never changed, and a block
is nothing but plain text, so that whatever a person put into a name stays a name.

One line that looks like a list or a fact stays a sentence: it takes two lines to be one, and a name has only one.
"""

import re
from dataclasses import dataclass
from typing import Literal

Shape = Literal["paragraph", "bullets", "numbers", "facts", "code"]

_BULLET = re.compile(r"[-*] +(\S.*)")
_NUMBER = re.compile(r"\d{1,2}\. +(\S.*)")
_FACT = re.compile(r"([^\s:.!?][^:.!?]{0,59}): +(\S.*)")
_CODE = re.compile(r" {4,}(\S.*)")
_MORE = re.compile(r" {2,3}(\S.*)")  # goes on with the entry of a list above it

# What mail programs make links of by themselves.
_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*:)(?=//)|\b(www)(?=\.)")
_HOST = re.compile(r"(?i)(?<![\w@.%+-])((?:[a-z0-9-]+\.)*[a-z0-9-]+)(\.[a-z]{2,})(?![\w.-]*@)(?=$|[\s/:?#,;)\"'”’.])")
_FILES = re.compile(r"(?i)\.(py|md|json|csv|pdf|txt)$")
GAP = "\u200b"  # nothing to the eye, and the end of an address to a mail program


@dataclass(frozen=True)
class Block:
    shape: Shape
    lines: tuple[str, ...] = ()  # of a list: its entries, which may have several lines each
    facts: tuple[tuple[str, str], ...] = ()  # label and value

    @property
    def short(self) -> bool:
        """A code that somebody types."""
        return self.shape == "code" and len(self.lines) == 1 and len(self.lines[0]) <= 12

    def text(self) -> str:
        """The block in a plain mail."""
        if self.shape == "facts":
            return "\n".join(f"{label}: {value}" for label, value in self.facts)
        if self.shape == "code":
            return "\n".join(f"    {line}" for line in self.lines)
        if self.shape == "paragraph":
            return "\n".join(self.lines)
        marks = ["-"] * len(self.lines) if self.shape == "bullets" else [f"{n + 1}." for n in range(len(self.lines))]
        entries = (entry.replace("\n", "\n   ") for entry in self.lines)
        return "\n".join(f"{mark} {entry}" for mark, entry in zip(marks, entries, strict=True))


def blocks(text: str) -> list[Block]:
    """The blocks of `text`; an empty line ends one, and so does a line of another shape."""
    found: list[Block] = []
    for part in re.split(r"\n(?:[ \t]*\n)+", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = [line.rstrip() for line in part.split("\n") if line.strip()]
        found += _blocks_of(lines)
    return found


def _blocks_of(lines: list[str]) -> list[Block]:
    found: list[Block] = []
    plain: list[str] = []
    while lines:
        block, taken = _list(lines) or _facts(lines) or _code(lines) or (None, 1)
        if block is None:
            plain.append(lines[0].strip())
        else:
            found += [Block("paragraph", tuple(plain))] if plain else []
            found.append(block)
            plain = []
        lines = lines[taken:]
    return found + ([Block("paragraph", tuple(plain))] if plain else [])


def _list(lines: list[str]) -> tuple[Block, int] | None:
    for shape, start in (("bullets", _BULLET), ("numbers", _NUMBER)):
        entries: list[str] = []
        taken = 0
        for line in lines:
            if match := start.fullmatch(line):
                entries.append(match[1])
            elif entries and (match := _MORE.fullmatch(line)):
                entries[-1] += f"\n{match[1]}"
            else:
                break
            taken += 1
        if len(entries) > 1:
            return Block(shape, tuple(entries)), taken  # type: ignore[arg-type]
    return None


def _facts(lines: list[str]) -> tuple[Block, int] | None:
    facts: list[tuple[str, str]] = []
    for line in lines:
        match = _FACT.fullmatch(line)
        if match is None:
            break
        facts.append((match[1], match[2]))
    return (Block("facts", facts=tuple(facts)), len(facts)) if len(facts) > 1 else None


def _code(lines: list[str]) -> tuple[Block, int] | None:
    code: list[str] = []
    for line in lines:
        match = _CODE.fullmatch(line)
        if match is None:
            break
        code.append(match[1])
    return (Block("code", tuple(code)), len(code)) if code else None


def unlinked(text: str) -> str:
    """`text` in which no mail program finds an address to make a link of: for what people may have written."""

    def apart(match: re.Match[str]) -> str:
        return match[0] if _FILES.search(match[0]) else f"{match[1]}{GAP}{match[2]}"

    return _ADDRESS.sub(lambda match: match[0] + GAP, _HOST.sub(apart, text))
