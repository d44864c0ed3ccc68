"""The admin's title, by the name of the product, and the badge beside it."""

from django.conf import settings
from django.http import HttpRequest

from billing.foundation.site.selectors import site


def environment(request: HttpRequest) -> list[str] | None:
    return ["Demo", "warning"] if settings.DEMO else None


def title(request: HttpRequest) -> str:
    return f"{site().product_name} operations"


def header(request: HttpRequest) -> str:
    return site().product_name
