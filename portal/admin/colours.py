"""The admin's colours: django-unfold's greys, and the accent of the site settings as a scale."""

from django.http import HttpRequest
from unfold.settings import CONFIG_DEFAULTS

from billing.foundation.site.colours import mixed
from billing.foundation.site.look import SHIPPED, accents
from billing.foundation.site.selectors import site

Scale = dict[str, str]

# The accent that is shipped.
SHIPPED_SCALE: Scale = {
    "50": "oklch(.975 .012 270)",
    "100": "oklch(.955 .022 270)",
    "200": "oklch(.90 .05 270)",
    "300": "oklch(.82 .09 270)",
    "400": "oklch(.70 .15 270)",
    "500": "oklch(.59 .19 270)",
    "600": "oklch(.50 .205 270)",
    "700": "oklch(.45 .20 270)",
    "800": "oklch(.39 .17 270)",
    "900": "oklch(.34 .13 270)",
    "950": "oklch(.25 .09 270)",
}
# Parts of white above the accent, and of black below it.
LIGHTER = {"50": 0.94, "100": 0.88, "200": 0.74, "300": 0.5}
DARKER = {"700": 0.14, "800": 0.28, "900": 0.42, "950": 0.6}


def colours(request: HttpRequest) -> dict[str, Scale]:
    """For `UNFOLD["COLORS"]`, which writes into what it is given: new at each call."""
    return {name: dict(scale) for name, scale in CONFIG_DEFAULTS["COLORS"].items()} | {"primary": primary()}


def primary() -> Scale:
    """600 is on buttons below white, and of links in the light look; 500 and 400 of links in the dark one. So these are
    the accents of the two looks, which the site settings only take where they can be read.
    """
    both = accents(site())
    if both == SHIPPED:
        return dict(SHIPPED_SCALE)
    light, dark = (accent.link for accent in both)
    scale = {weight: mixed(light, "#ffffff", part) for weight, part in LIGHTER.items()}
    scale |= {"400": mixed(dark, "#ffffff", 0.15), "500": dark, "600": light}
    return scale | {weight: mixed(light, "#000000", part) for weight, part in DARKER.items()}
