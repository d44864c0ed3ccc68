"""What the frame of every page needs: lazily, so that anonymous, API and admin pages ask the database nothing."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.context import THEMES
from billing.foundation.site.look import picture, stylesheet_name
from billing.foundation.site.selectors import site
from billing.overview.shell import Shell


def shell(request: HttpRequest) -> dict[str, Any]:
    """`shell` (see Shell), `workspace`, `may` (`may.manage_keys`), `product_name`, `look_css` and `logo` (the
    operator's colours and picture, if any), `ui_theme` (light, dark, empty).
    """
    theme = request.COOKIES.get("theme", "")
    frame = Shell(request)
    return {
        "shell": frame,
        "workspace": SimpleLazyObject(lambda: frame.workspace),
        "may": SimpleLazyObject(lambda: frame.may),
        "product_name": SimpleLazyObject(lambda: site().product_name),
        "look_css": SimpleLazyObject(lambda: stylesheet_name(site())),
        "logo": SimpleLazyObject(lambda: picture(site())),
        "ui_theme": theme if theme in THEMES else "",
    }
