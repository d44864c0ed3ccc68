"""The Ninja API: its routers, and how it reads and writes. Errors leave it as problem documents."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import ValidationError
from ninja.parser import Parser
from ninja.renderers import BaseRenderer

from billing.api import bodies, jsontext, paths  # noqa: F401 - the routes name ids by its converter
from billing.api.middleware import problem_of
from billing.api.problems import Problem, pointer
from billing.api.routes import (
    addons,
    alerts,
    autotopup,
    credits,
    entitlements,
    holds,
    invoices,
    plans,
    pricing,
    proof,
    resources,
    statement,
    subscription,
    usage,
    workspaces,
)


class ExactParser(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        return bodies.parse(request.body)


class ExactRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> str:
        return jsontext.dumps(data)


api = NinjaAPI(
    title="Purser API",
    version="1",
    openapi_url=None,
    docs_url=None,
    urls_namespace="api",
    parser=ExactParser(),
    renderer=ExactRenderer(),
)
api.add_router("/usage", usage.router)
api.add_router("/usage", holds.router)
api.add_router("/credits", credits.router)
api.add_router("/credits", proof.router)
api.add_router("/credits", statement.router)
api.add_router("/auto-top-up", autotopup.router)
api.add_router("/alerts", alerts.router)
api.add_router("/invoices", invoices.router)
api.add_router("/plans", plans.router)
api.add_router("/subscription", subscription.router)
api.add_router("/subscription", addons.router)
api.add_router("/entitlements", entitlements.router)
api.add_router("/pricing", pricing.router)
api.add_router("/resources", resources.router)
api.add_router("/workspaces", workspaces.router)


@api.exception_handler(ValidationError)
def _on_validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Wrong path parameters: everything else is read by the routes themselves."""
    places = [{"pointer": pointer(item["loc"][1:]), "detail": str(item["msg"])} for item in error.errors]
    return Problem("invalid_request", errors=places).response()


@api.exception_handler(Exception)
def _on_error(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem_of(request, error)
