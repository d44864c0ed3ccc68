"""/api/v1/pricing: the models and what they cost this customer."""

from django.http import HttpRequest, HttpResponseBase
from ninja import Router

from accounts.scopes import Scope
from billing.api import catalogue
from billing.api.operations import caller, declared
from billing.api.parameters import query
from billing.api.schemas.lists import ModelDetail, Models, ModelsQuery

router = Router(tags=["Prices"])


@router.get(
    "/models",
    **declared(Scope.USAGE_READ, {200: Models}, query=ModelsQuery, csv=True),
    operation_id="pricing_models",
    summary="Models and their prices",
)
def models(request: HttpRequest) -> HttpResponseBase:
    """Prices in force now, as published and as this customer pays them, in USD and credits. As CSV (`Accept: text/csv`)
    the whole selection in one file, a line for each price.
    """
    call, _ = caller(request)
    return catalogue.models(request, call.workspace, query(request, ModelsQuery))


@router.get(
    "/models/{any:model}",
    **declared(Scope.USAGE_READ, {200: ModelDetail}),
    operation_id="pricing_model",
    summary="One model, and how its prices changed",
)
def model(request: HttpRequest, model: str) -> HttpResponseBase:
    """By its reference (`openai/gpt-4o-mini`, the slash as it is), an alias, or a bare name that means one model."""
    call, _ = caller(request)
    return catalogue.model(call.workspace, model)
