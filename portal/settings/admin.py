"""django-unfold: the operator's admin."""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Purser operations",
    "SITE_HEADER": "Purser",
    "SITE_SUBHEADER": "Operator console",
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
}
