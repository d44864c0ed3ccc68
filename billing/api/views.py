"""Views beside Ninja's: the OpenAPI document, the page made from it, and a second path of the estimate."""

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


@csrf_exempt
def estimate_short(request: HttpRequest) -> HttpResponseBase:
    """`/v1/usage/estimate`: the same view as under /api/."""
    match = get_resolver("billing.api.urls").resolve("/api/v1/usage/estimate")
    response: HttpResponseBase = match.func(request)
    return response
