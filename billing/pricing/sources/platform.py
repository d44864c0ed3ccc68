"""What the platform itself charges for: USD as published, without markup unless a line says so.

Operators change these in the admin; rows of the source "operator" win over these.
"""

from decimal import Decimal

from billing.pricing.sources.rows import ModelRow, PriceRow, Reading, dims_of

SOURCE = "platform"
VERSION = "3"
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
# EXAMPLES. Nobody publishes a price for these: set your own before you sell them.
CLONES = (  # tier, USD for one cloned voice
    *(("instant", "1"), ("professional", "50")),
    *(("standard", "2"), ("premium", "15"), ("ultra", "60")),  # the tiers of voices that are cloned here
)
PREMIUM_FEATURE = "10"  # USD for a million tokens of a premium feature


def read() -> Reading:
    """The platform's own meters."""
    rows = [PriceRow(PROVIDER, "", meter, unit, Decimal(usd), 1) for meter, unit, usd in PRICES]
    rows += [
        PriceRow(PROVIDER, "", "voice_clones", "clone", Decimal(usd), 1, dims_of(tier=tier)) for tier, usd in CLONES
    ]
    rows.append(PriceRow(PROVIDER, "", "premium_feature_tokens", "token", Decimal(PREMIUM_FEATURE), 1_000_000))
    models: list[ModelRow] = []
    return Reading(SOURCE, VERSION, rows, models)
