"""/api/v1/pricing: the models and what they cost this customer."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api import catalogue
from billing.api.operations import answer, declared
from billing.api.parameters import query
from billing.api.schemas.lists import Models, ModelsQuery

router = Router(tags=["Prices"])


@router.get(
    "/models",
    **declared(Scope.USAGE_READ, {200: Models}, query=ModelsQuery),
    operation_id="pricing_models",
    summary="Models and their prices",
)
def models(request: HttpRequest) -> HttpResponse:
    """Prices in force now, as published and with markup, in USD and credits."""
    return answer(catalogue.models(query(request, ModelsQuery)))
