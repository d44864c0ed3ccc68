"""The one account there is."""

from portal.standin.errors import Json, missing_object
from portal.standin.routes import route
from portal.standin.world import ACCOUNT, World, listed


@route("GET", "account")
def account(world: World, params: Json) -> Json:
    return {
        "id": ACCOUNT,
        "object": "account",
        "business_profile": {"name": "Simulated payments", "url": None, "support_email": None},
        "business_type": "company",
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "email": "payments@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_payments": {"statement_descriptor_prefix": None},
            "dashboard": {"display_name": "Simulated payments", "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": "SIMULATED"},
        },
        "type": "standard",
    }


@route("GET", "accounts/{id}")
def account_by_id(world: World, params: Json, id: str) -> Json:
    if id != ACCOUNT:
        raise missing_object("account", id)
    return account(world, {})


@route("GET", "accounts")
def accounts(world: World, params: Json) -> Json:
    return listed([], "/v1/accounts")
