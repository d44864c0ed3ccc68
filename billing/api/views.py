"""Views beside Ninja's: the OpenAPI document, the page made from it, and second paths of the same views."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import get_resolver
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_safe

from billing.api import jsontext, reference
from billing.api.openapi import document


@require_GET
def openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        jsontext.dumps(document()),
        content_type="application/json",
        headers={"Cache-Control": "public, max-age=300"},
    )


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "api/docs.html", {"nav": "api", "reference": reference.build(document())})


def again(path: str) -> Callable[..., HttpResponseBase]:
    """The view of another path: `{name}` stands for what this one was given under that name."""

    @csrf_exempt
    def view(request: HttpRequest, **given: str) -> HttpResponseBase:
        match = get_resolver("billing.api.urls").resolve(path.format(**given))
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response

    return view
