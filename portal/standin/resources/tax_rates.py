"""Tax rates."""

from decimal import Decimal, InvalidOperation

from portal.standin.errors import Json, invalid
from portal.standin.params import merged_metadata, required, truth
from portal.standin.routes import readable, route
from portal.standin.world import World

TEXTS = ("country", "description", "jurisdiction", "state", "tax_type")


@route("POST", "tax_rates", "TaxRateCreateParams")
def create(world: World, params: Json) -> Json:
    text = str(required(params, "percentage"))
    try:
        percentage = Decimal(text)
    except InvalidOperation:
        raise invalid(f"Invalid decimal: {text}", "percentage") from None
    if not 0 <= percentage <= 100:
        raise invalid("Invalid percentage: must be between 0 and 100", "percentage")
    rate = world.create(
        "tax_rate",
        "txr_",
        metadata=params.get("metadata"),
        active=truth(params.get("active", "true")),
        display_name=required(params, "display_name"),
        effective_percentage=None,
        flat_amount=None,
        inclusive=truth(required(params, "inclusive")),
        jurisdiction_level=None,
        percentage=float(percentage),
        rate_type="percentage",
    )
    rate |= {name: params.get(name) or None for name in TEXTS}
    return world.emit("tax_rate.created", rate)


@route("POST", "tax_rates/{id}", "TaxRateModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    rate = world.get("tax_rate", id)
    for name in (*TEXTS, "display_name"):
        if name in params:
            rate[name] = params[name] or None
    if "active" in params:
        rate["active"] = truth(params["active"])
    if "metadata" in params:
        rate["metadata"] = merged_metadata(rate["metadata"], params["metadata"])
    return world.emit("tax_rate.updated", rate)


readable("tax_rates", "tax_rate", "TaxRateListParams")
