"""Every kind of mail that leaves: what it is about, and whether people may do without it."""

from dataclasses import dataclass

from accounts.roles import Permission, Role

_MONEY = frozenset({Role.OWNER, Role.ADMIN, Role.BILLING})  # who looks after billing
_MANAGE = frozenset({Role.OWNER, Role.ADMIN})


class UnknownKind(LookupError):
    """A mail of a kind that nobody wrote down here, which would be one that nobody can switch off."""


@dataclass(frozen=True)
class Category:
    key: str
    title: str
    words: str  # on the preferences page
    reason: str  # why somebody gets it, after "Sent to you because"; {workspace}, {product}, {title} are filled in
    optional: bool = False
    roles: frozenset[Role] = frozenset()  # who gets optional ones unless the owner, or they, say otherwise
    needs: Permission = Permission.VIEW  # without it a member cannot choose it


@dataclass(frozen=True)
class Kind:
    key: str
    category: Category
    title: str
    secret: bool = False  # holds a code or link that signs somebody in: nobody else reads its text


_LOOK = "you look after {workspace} on {product}"
_CARE = "you look after billing of {workspace} on {product}"
_CHOSEN = "you follow “{title}” of {workspace} on {product}"

CATEGORIES: dict[str, Category] = {
    category.key: category
    for category in (
        Category("account", "Your account", "Codes, sign-in and security.", "this address is used on {product}"),
        Category("invitation", "Invitations", "Invitations to a workspace.", "somebody invited you on {product}"),
        Category("billing", "Money", "Receipts, invoices, payments, cards and your plan.", _CARE),
        Category("service", "What would stop", "Resources, add-ons and webhooks that stop.", _LOOK),
        Category(
            "security",
            "Security of the workspace",
            "API keys that were made or paused.",
            _LOOK,
        ),
        Category("operator", "Alarms", "What needs the operator.", "you run {product}"),
        Category(
            "usage",
            "Usage alerts",
            "How much of the credits is used, low and exhausted balances.",
            _CHOSEN,
            optional=True,
            roles=_MONEY,
        ),
        Category(
            "budgets",
            "Budgets",
            "Budgets that are nearly or wholly used, and requests that they refused.",
            _CHOSEN,
            optional=True,
            roles=_MONEY,
        ),
        Category(
            "credits",
            "Credits that come and go",
            "Monthly and given credits that came in, and credits that expire within a week.",
            _CHOSEN,
            optional=True,
            roles=_MONEY,
        ),
        Category(
            "prices",
            "Cheaper prices",
            "Models you use that became cheaper. You always hear of dearer ones before they count.",
            _CHOSEN,
            optional=True,
            roles=_MONEY,
        ),
        Category(
            "keys",
            "Expiring API keys",
            "API keys that end within a week.",
            _CHOSEN,
            optional=True,
            roles=_MANAGE,
            needs=Permission.MANAGE_KEYS,
        ),
        Category(
            "team",
            "Team",
            "People who joined the workspace.",
            _CHOSEN,
            optional=True,
            roles=frozenset({Role.OWNER}),
        ),
    )
}

OPTIONAL = [category for category in CATEGORIES.values() if category.optional]

_KINDS: dict[str, dict[str, str]] = {
    "billing": {
        "invoice.issued": "Invoice",
        "invoice.receipt": "Receipt",
        "invoice.credit_note": "Credit note",
        "invoice.void": "Invoice that is void",
        "invoice.overdue": "Invoice that is due",
        "invoice.copy": "Invoice, once more",
        "topup.succeeded": "Automatic top-up",
        "topup.failed": "Automatic top-up that was declined",
        "topup.authentication": "Automatic top-up to be confirmed",
        "topup.capped": "Automatic top-ups that reached their limit",
        "topup.paused": "Automatic top-ups that are paused",
        "card.expiring": "Card that expires",
        "prices.changed": "Dearer prices",
        "subscription.started": "Plan started",
        "subscription.changed": "Plan changed",
        "subscription.planned": "Plan that will change",
        "subscription.cancelled": "Plan cancelled",
        "subscription.resumed": "Plan goes on",
        "subscription.unpaid": "Renewal that was declined",
        "subscription.confirm": "Renewal to be confirmed",
        "subscription.last": "Last notice of an unpaid plan",
        "subscription.ended": "Plan ended",
        "subscription.auto_upgraded": "Plan moved up automatically",
        "subscription.auto_stopped": "Plan not moved up",
        "voice.ready": "Voice that is ready",
        "voice.failed": "Voice that could not be made",
    },
    "service": {
        "addon.short": "Add-on that is not covered",
        "addon.suspended": "Add-on suspended",
        "addon.resumed": "Add-on active again",
        "resources.warning": "Resources, 48 hours before their shutdown",
        "resources.shutdown": "Resources shut down",
        "resources.again": "Resources may run again",
        "webhooks.off": "Webhook switched off",
    },
    "security": {"api_key.created": "API key made", "api_key.paused": "API key paused"},
    "operator": {
        "topup.alarm": "Automatic top-ups paused or refused",
        "subscription.problem": "Subscription that needs a person",
        "purchase.problem": "Payment that needs a person",
        "purchase.dispute": "Disputed payment",
        "purchase.differences": "Ledger and Stripe differ",
        "usage.unrated": "Usage without a price",
        "ledger.drift": "The ledger does not add up",
        "price.source": "Price source that fails",
        "price.rise": "Dearer prices to decide on",
    },
    "usage": {
        "usage.threshold": "Part of the credits is used",
        "usage.low": "Few credits are left",
        "usage.exhausted": "Credits are used up",
        "usage.summary": "Usage alerts of some days together",
        "balance.low": "Low balance",
    },
    "budgets": {"budget.used": "Budget used"},
    "credits": {"credits.granted": "Credits came in", "credits.expiring": "Credits expire"},
    "prices": {"prices.dropped": "Cheaper prices"},
    "keys": {"api_key.expiring": "API key that ends"},
    "team": {"member.joined": "Somebody joined"},
}

KINDS: dict[str, Kind] = {
    key: Kind(key, CATEGORIES[category], title) for category, kinds in _KINDS.items() for key, title in kinds.items()
}
KINDS |= {
    kind.key: kind
    for kind in (
        Kind("account", CATEGORIES["account"], "Signing in and security", secret=True),
        Kind("account.welcome", CATEGORIES["account"], "Welcome"),
        Kind("account.erased", CATEGORIES["account"], "Account deleted"),
        Kind("workspace.ready", CATEGORIES["account"], "Workspace made by the operator", secret=True),
        Kind("member.invited", CATEGORIES["invitation"], "Invitation", secret=True),
    )
}


def kind_of(key: str) -> Kind:
    """Raises UnknownKind."""
    if (kind := KINDS.get(key)) is None:
        raise UnknownKind(f"no kind of mail is called {key!r}; see billing/foundation/mail/kinds.py")
    return kind
