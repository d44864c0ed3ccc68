"""django-unfold: the operator's admin."""

from typing import Any

from django.templatetags.static import static


def _icon(request: Any) -> str:
    return static("img/icon.svg")


def _styles(request: Any) -> str:
    return static("css/admin.css")


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
    "COLORS": "portal.admin.colours.colours",
    "ENVIRONMENT": "portal.admin.environment.environment",
    "DASHBOARD_CALLBACK": "portal.admin.dashboard.dashboard",
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "portal.admin.navigation.sidebar",
    },
}
