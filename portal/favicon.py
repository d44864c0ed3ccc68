"""The icon for browsers that look for /favicon.ico: beside JSON, CSV and other answers that name none."""

from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponseRedirect
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe


@require_safe
@cache_control(public=True, max_age=86_400)
def favicon(request: HttpRequest) -> HttpResponseRedirect:
    """Where the icon is now; its name changes with its content."""
    return HttpResponseRedirect(staticfiles_storage.url("img/icon.svg"))
