"""What the ledger's and the meters' keys are called on a page."""

from billing.foundation.site.naming import named
from billing.pricing.selectors import meters

SOURCES = {"plan": "Plan", "promotion": "Promotional", "bought": "Purchased"}

# kind of transfer → (title, icon, tone)
KINDS = {
    "usage.spend": ("Usage", "bolt", ""),
    "usage.debt": ("Usage beyond the balance", "bolt", "debt"),
    "addon.spend": ("Add-on or voice", "puzzle-piece", ""),
    "grant.plan": ("Plan credits", "sparkles", "in"),
    "grant.signup": ("Welcome credits", "gift", "in"),
    "grant.promotion": ("Promotional credits", "gift", "in"),
    "grant.operator": ("Credits added", "arrow-down-left", "in"),
    "grant.pack": ("Credits bought", "arrow-down-left", "in"),
    "lot.start": ("Credits became usable", "play", "in"),
    "lot.extend": ("Credits extended", "calendar", ""),
    "lot.expire": ("Credits expired", "clock", ""),
    "debt.repay": ("Debt paid back", "arrow-uturn-left", "in"),
    "debt.reopen": ("Repayment undone", "arrow-uturn-left", ""),
    "adjust.operator": ("Adjustment", "adjustments-horizontal", ""),
    "hold.place": ("Put on hold", "lock-closed", ""),
    "hold.overdraft": ("Overdraft put on hold", "lock-closed", ""),
    "hold.settle": ("Usage, paid from a hold", "bolt", ""),
    "hold.release": ("Hold released", "lock-open", ""),
    "hold.expire": ("Hold expired", "lock-open", ""),
    "hold.overdraft_end": ("Overdraft no longer on hold", "lock-open", ""),
    "refund.pack": ("Refund", "receipt-refund", ""),
    "refund.debt": ("Refund of used credits", "receipt-refund", ""),
    "refund.reverse": ("Refund undone", "arrow-uturn-left", "in"),
    "grant.reverse": ("Credits taken back", "arrow-uturn-left", ""),
    "adjust.reverse": ("Adjustment undone", "arrow-uturn-left", "in"),
    "usage.reverse": ("Correction", "arrow-uturn-left", "in"),
}

# account → how a page calls it in "from … to …"
ACCOUNTS = {
    "issued": "issued",
    "scheduled": "scheduled",
    "available": "available",
    "held": "on hold",
    "spent": "spent",
    "expired": "expired",
    "adjusted": "adjusted",
    "refunded": "refunded",
    "debt": "owed",
    "overdraft": "overdraft",
    "overdraft_held": "overdraft on hold",
}


def kind_words(kind: str) -> tuple[str, str, str]:
    """Title, icon and tone of a kind, also of one that came later than this page."""
    if kind in KINDS:
        title, icon, tone = KINDS[kind]
        return named(title), icon, tone
    family, _, rest = kind.partition(".")
    title = f"{family} {rest}".replace("_", " ").strip().capitalize()
    return (title, "arrow-down-left", "in") if family == "grant" else (title, "document-text", "")


def account_name(account: str) -> str:
    """What an account is called, also one that came later than this page."""
    return ACCOUNTS.get(account, account.replace("_", " "))


def meter_name(key: str) -> str:
    """The meter's label; of one that is not in the list, its key made readable."""
    meter = meters().get(key)
    return meter.label if meter else key.replace("_", " ").capitalize()


def meter_unit(key: str) -> str:
    """What the meter counts, in the singular: "token", "second"; empty when it is not in the list."""
    meter = meters().get(key)
    return meter.unit if meter else ""
