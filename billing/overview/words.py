"""What the ledger's and the meters' keys are called on a page."""

from billing.pricing.selectors import meters

SOURCES = {"plan": "Plan", "promotion": "Promotional", "bought": "Purchased"}

# kind of transfer → (title, icon, tone)
KINDS = {
    "usage.spend": ("Usage", "bolt", ""),
    "usage.debt": ("Usage beyond the balance", "bolt", "debt"),
    "grant.plan": ("Plan credits", "sparkles", "in"),
    "grant.signup": ("Welcome credits", "gift", "in"),
    "grant.promotion": ("Promotional credits", "gift", "in"),
    "grant.operator": ("Credits added", "arrow-down-left", "in"),
    "grant.pack": ("Credits bought", "arrow-down-left", "in"),
    "lot.start": ("Credits became usable", "play", "in"),
    "lot.expire": ("Credits expired", "clock", ""),
    "debt.repay": ("Debt paid back", "arrow-uturn-left", "in"),
    "adjust.operator": ("Adjustment", "adjustments-horizontal", ""),
}


def kind_words(kind: str) -> tuple[str, str, str]:
    """Title, icon and tone of a kind, also of one that came later than this page."""
    if kind in KINDS:
        return KINDS[kind]
    family, _, rest = kind.partition(".")
    title = f"{family} {rest}".replace("_", " ").strip().capitalize()
    return (title, "arrow-down-left", "in") if family == "grant" else (title, "document-text", "")


def meter_name(key: str) -> str:
    """The meter's label; of one that is not in the list, its key made readable."""
    meter = meters().get(key)
    return meter.label if meter else key.replace("_", " ").capitalize()


def meter_unit(key: str) -> str:
    """What the meter counts, in the singular: "token", "second"; empty when it is not in the list."""
    meter = meters().get(key)
    return meter.unit if meter else ""
