"""Pages for people who have not signed in: the same for everybody, kept by caches for a few minutes."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.http import require_safe

from billing.foundation.site.selectors import site

KEEP_SECONDS = 300

P = ParamSpec("P")


def public_page(view: Callable[Concatenate[HttpRequest, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A page of prices for everybody: not there when the operator has switched it off (`public_prices`).

    Nothing in it may read the session or a cookie.
    """

    @wraps(view)
    def inner(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not site().public_prices:
            raise Http404("prices are shown to people who have signed in only")
        response = view(request, *args, **kwargs)
        patch_cache_control(response, public=True, max_age=KEEP_SECONDS)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        return response

    return require_safe(inner)
