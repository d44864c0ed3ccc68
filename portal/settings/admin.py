"""django-unfold: the operator's admin."""

from typing import Any

from django.templatetags.static import static


def _icon(request: Any) -> str:
    return static("img/icon.svg")


def _styles(request: Any) -> str:
    return static("css/admin.css")


# The accent of the customer pages, as a scale.
_ACCENT = {
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

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "portal.admin.environment.title",
    "SITE_HEADER": "portal.admin.environment.header",
    "SITE_SUBHEADER": "Operator console",
    "SITE_URL": "/",
    "SITE_ICON": _icon,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "STYLES": [_styles],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "COLORS": {"primary": _ACCENT},
    "ENVIRONMENT": "portal.admin.environment.environment",
    "DASHBOARD_CALLBACK": "portal.admin.dashboard.dashboard",
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "portal.admin.navigation.sidebar",
    },
}
