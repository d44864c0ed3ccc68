"""One line of a proof of balance. docs/proof.md tells how the lines are verified."""

from typing import Any

from pydantic import Field

from billing.api.schemas.base import Described, Instant


class ProofWorkspace(Described):
    number: int = Field(description="As the entries name the workspace.")
    id: str
    name: str


class ProofUnit(Described):
    name: str
    plural: str
    nano: int = Field(description="Parts of a credit: all amounts of a proof are whole numbers of them.")


class ProofClosing(Described):
    seq: int = Field(description="The last entry.")
    head: str = Field(description="Its digest.")
    available: int
    held: int
    debt: int
    overdraft_held: int


class ProofLine(Described):
    """The first line has a format, then come entries, lots, the closing line, and the digest of all before it."""

    format: str = ""
    version: int = 0
    workspace: ProofWorkspace | None = None
    unit: ProofUnit | None = None
    exported_at: Instant | None = None
    transfer: list[Any] = Field([], description="An entry, as its digest covers it.")
    digest: str = Field("", description="sha256 of the digest before it and the entry, hexadecimal.")
    items: list[list[Any]] = Field([], description="The events that a charge is for: id and amount of each.")
    lot: list[int] = Field([], description="A lot's number, what remains of it, and how much of that is held.")
    closing: ProofClosing | None = None
    sha256: str = ""
