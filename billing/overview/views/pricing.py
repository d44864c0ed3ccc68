"""Models & pricing for everybody: list prices, nothing of any workspace, kept by caches for a few minutes."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.http import require_safe

from billing.foundation.site.selectors import site
from billing.overview.pricereader import Reader
from billing.overview.pricescsv import prices_csv
from billing.overview.views.models import compare_page, list_page, one_page

FRAME = "public.html"
KEEP_SECONDS = 300

P = ParamSpec("P")


def public(view: Callable[Concatenate[HttpRequest, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A page for people who have not signed in: not there when the operator has switched it off."""

    @wraps(view)
    def inner(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not site().public_prices:
            raise Http404("prices are shown to people who have signed in only")
        response = view(request, *args, **kwargs)
        patch_cache_control(response, public=True, max_age=KEEP_SECONDS)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        return response

    return require_safe(inner)


@public
def models(request: HttpRequest) -> HttpResponseBase:
    return list_page(request, Reader(), FRAME)


@public
def compare(request: HttpRequest) -> HttpResponseBase:
    return compare_page(request, Reader(), FRAME)


@public
def model(request: HttpRequest, ref: str) -> HttpResponseBase:
    return one_page(request, Reader(), FRAME, ref)


@public
def models_csv(request: HttpRequest) -> HttpResponseBase:
    return prices_csv(request.GET, Reader())
