"""Accent colours that can be read: contrast as WCAG 2.2 computes it, and the nearest shade that has enough of it.

https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio and #dfn-relative-luminance. Colours are "#rrggbb".
"""

from dataclasses import dataclass

ENOUGH = 4.5  # text of normal size, level AA
WHITE, BLACK = "#ffffff", "#050714"
STEPS = 256


@dataclass(frozen=True, slots=True)
class Shade:
    """One of the two looks: what lies below links and buttons, and where a colour goes to be seen better."""

    name: str
    backgrounds: tuple[str, ...]  # static/css/base.css: canvas, surface, inset, raised
    tint: float  # how much of the accent is in --accent-bg, over the surface
    surface: str
    towards: str


LIGHT = Shade("light", ("#f8f9fb", "#ffffff", "#f3f4f6"), 0.08, "#ffffff", "#000000")
DARK = Shade("dark", ("#0c0d12", "#14151b", "#1d2026", "#23252b"), 0.2, "#14151b", "#ffffff")


def luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mixed(colour: str, other: str, part: float) -> str:
    """`colour` with `part` (0 to 1) of `other` in it."""
    pairs = ((int(colour[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(mine + (theirs - mine) * part):02x}" for mine, theirs in pairs)


def tinted(colour: str, shade: Shade) -> str:
    """The soft background of what is chosen."""
    return mixed(shade.surface, colour, shade.tint)


def readable(colour: str, shade: Shade) -> float:
    """The least contrast that `colour` has as text there, also on its own soft background."""
    return min(contrast(colour, below) for below in (*shade.backgrounds, tinted(colour, shade)))


def near(colour: str, shade: Shade) -> str:
    """`colour` itself where it can be read, else the nearest shade of it that can."""
    tries = (mixed(colour, shade.towards, step / STEPS) for step in range(STEPS + 1))
    return next(tried for tried in tries if readable(tried, shade) >= ENOUGH)


def ink_on(colour: str) -> str:
    """White or near black, what is read better on a button of that colour."""
    return max(WHITE, BLACK, key=lambda ink: contrast(ink, colour))


def _linear(part: float) -> float:
    return float(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
