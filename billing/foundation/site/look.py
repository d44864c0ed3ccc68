"""How the portal looks by the operator's wish: accent colours and logo, for pages, e-mails and documents."""

import hashlib
import re
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse

from billing.foundation.site import colours
from billing.foundation.site.models import SiteSettings

COLOUR = re.compile(r"#[0-9a-f]{6}")
# What is shipped, as in static/css/base.css; mails and paper know no light-dark().
SHIPPED_LIGHT, SHIPPED_DARK = "#3a50d5", "#9bb1ff"


@dataclass(frozen=True, slots=True)
class Accent:
    """Colours of one look: of buttons, what is written on them, and of links."""

    button: str
    ink: str
    link: str
    hover: str = ""
    soft: str = ""


SHIPPED = (Accent("#3a50d5", "#ffffff", "#364acc"), Accent("#6980f5", "#050714", "#9bb1ff"))


@dataclass(frozen=True, slots=True)
class Picture:
    path: str
    width: int
    height: int
    wide: bool  # it holds a name, so none is written beside it

    @property
    def url(self) -> str:
        return settings.SITE_URL + self.path

    def width_at(self, height: int) -> int:
        return max(1, round(self.width * height / self.height))

    @property
    def mail_width(self) -> int:
        return min(self.width_at(28), 240)


def accents(of: SiteSettings) -> tuple[Accent, Accent]:
    """For the light and the dark look."""
    if not (of.accent_light or of.accent_dark):
        return SHIPPED
    light = of.accent_light or SHIPPED_LIGHT
    dark = of.accent_dark or (colours.near(light, colours.DARK) if of.accent_light else SHIPPED_DARK)
    return _accent(light, colours.LIGHT), _accent(dark, colours.DARK)


def _accent(colour: str, shade: colours.Shade) -> Accent:
    hover = colours.mixed(colour, shade.towards, 0.12)
    return Accent(colour, colours.ink_on(colour), colour, hover, colours.tinted(colour, shade))


def stylesheet(of: SiteSettings) -> str:
    """What replaces the shipped accent; empty when nothing does."""
    light, dark = accents(of)
    if (light, dark) == SHIPPED:
        return ""
    pairs = {
        "accent": (light.button, dark.button),
        "accent-hover": (light.hover, dark.hover),
        "accent-ink": (light.ink, dark.ink),
        "accent-text": (light.link, dark.link),
        "accent-bg": (light.soft, dark.soft),
    }
    rules = "".join(f"  --{name}: light-dark({one}, {other});\n" for name, (one, other) in pairs.items())
    return f":root {{\n{rules}}}\n"


def stylesheet_name(of: SiteSettings) -> str:
    """Changes with what is in it, so that browsers may keep it for ever."""
    text = stylesheet(of)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.css" if text else ""


def picture(of: SiteSettings) -> Picture | None:
    logo = of.logo
    if logo is None:
        return None
    path = reverse("foundation:logo", args=[logo.name])
    return Picture(path, logo.width, logo.height, wide=logo.width > 2 * logo.height)


def check_accents(of: SiteSettings) -> None:
    """Raises ValidationError, by field, for a colour that some people could not read, with a near one that all can."""
    wrong = {}
    for field, shade in (("accent_light", colours.LIGHT), ("accent_dark", colours.DARK)):
        colour = getattr(of, field)
        # What is no colour at all is told by the field's own check.
        if COLOUR.fullmatch(colour) and (found := colours.readable(colour, shade)) < colours.ENOUGH:
            wrong[field] = (
                f"{colour} has a contrast of {found:.1f} to 1 as a link in the {shade.name} look; "
                f"{colours.ENOUGH} are needed. {colours.near(colour, shade)} is near and has enough."
            )
    if wrong:
        raise ValidationError(wrong)
