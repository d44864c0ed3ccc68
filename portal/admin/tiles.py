"""A number on the admin's first page, and the list behind it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """`permission`: of the list that `href` opens. Who may not open it does not see the number."""

    title: str
    value: str
    remark: str
    href: str
    permission: str
    alarm: bool = False
