"""What the platform itself charges for: USD as published, without markup unless a line says so.

Operators change these in the admin; rows of the source "operator" win over these.
"""

from decimal import Decimal

from billing.pricing.sources.rows import ModelRow, PriceRow, Reading

SOURCE = "platform"
VERSION = "1"
PROVIDER = "platform"

PRICES = (  # meter, unit, USD for one
    ("messages", "message", "0.005"),
    ("call_minutes", "minute", "0.05"),
    ("container_days", "day", "0.67"),
    ("deployments", "deployment", "0.50"),
    ("storage_gb_days", "GB-day", "0.01"),
    # Free, and shown so; telephony is billed by its provider and has no line.
    ("static_messages", "message", "0"),
    ("api_calls", "call", "0"),
    ("function_calls", "call", "0"),
    ("logic_steps", "step", "0"),
)


def read() -> Reading:
    """The platform's own meters; voice clones and premium features have no price until the operator sets one."""
    rows = [PriceRow(PROVIDER, "", meter, unit, Decimal(usd), 1) for meter, unit, usd in PRICES]
    models: list[ModelRow] = []
    return Reading(SOURCE, VERSION, rows, models)
