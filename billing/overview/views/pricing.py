"""Models & pricing for everybody: list prices, nothing of any workspace."""

from django.http import HttpRequest, HttpResponseBase

from billing.foundation.site.public import public_page
from billing.overview.pricereader import Reader
from billing.overview.pricescsv import prices_csv
from billing.overview.views.models import compare_page, list_page, one_page

FRAME = "public.html"


@public_page
def models(request: HttpRequest) -> HttpResponseBase:
    return list_page(request, Reader(), FRAME)


@public_page
def compare(request: HttpRequest) -> HttpResponseBase:
    return compare_page(request, Reader(), FRAME)


@public_page
def model(request: HttpRequest, ref: str) -> HttpResponseBase:
    return one_page(request, Reader(), FRAME, ref)


@public_page
def models_csv(request: HttpRequest) -> HttpResponseBase:
    return prices_csv(request.GET, Reader())
