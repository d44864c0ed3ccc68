"""Stripe: the operator's two variables, or the local stand-in in the demo."""

from portal.settings.env import HOME, env, secret
from portal.settings.security import CONTENT_SECURITY_POLICY, SITE_URL
from portal.settings.services import DEMO
from portal.standin.places import TOKEN, port_of

# Pinned: else an upgrade of the SDK would change the shape of what Stripe answers.
STRIPE_API_VERSION = "2026-05-27.dahlia"

STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", "")
STRIPE_PUBLIC_KEY = env.str("STRIPE_PUBLIC_KEY", "")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", "")
STRIPE_LIVE_MODE = "_live_" in STRIPE_SECRET_KEY

# Without a key the demo's payments are simulated: the same code, and another host.
SIMULATED_PAYMENTS = DEMO and not STRIPE_SECRET_KEY
if SIMULATED_PAYMENTS:
    STRIPE_SECRET_KEY = "sk_test_SimulatedPaymentsOfThisDemo"  # noqa: S105 - of the stand-in, which takes any
    STRIPE_API_HOST = f"http://127.0.0.1:{port_of(HOME)}"
    STANDIN_TOKEN = secret(TOKEN)
elif host := env.str("STRIPE_API_HOST", ""):
    STRIPE_API_HOST = host

# dj-stripe asks by mode.
STRIPE_LIVE_SECRET_KEY = STRIPE_SECRET_KEY if STRIPE_LIVE_MODE else ""
STRIPE_TEST_SECRET_KEY = "" if STRIPE_LIVE_MODE else STRIPE_SECRET_KEY
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
# The tables of dj-stripe in one step: its own migrations take most of a minute on a new database.
MIGRATION_MODULES = {"djstripe": "billing.gateway.stripe_migrations"}

# Where Stripe sends its webhooks. The stand-in does not go through a proxy.
_contact = env.str("HOST", "") or "127.0.0.1"
STRIPE_WEBHOOK_BASE = f"http://{_contact}:{env.int('PORT', 8000)}" if SIMULATED_PAYMENTS else SITE_URL

# A form may lead to the pages on which people pay: browsers hold redirects after a form against the policy, too.
PAYMENT_PAGES = ["https://checkout.stripe.com", "https://billing.stripe.com"]
if SIMULATED_PAYMENTS:  # here itself, by either of its names
    PAYMENT_PAGES = sorted(
        {SITE_URL, *(f"http://{name}:{env.int('PORT', 8000)}" for name in ("localhost", "127.0.0.1"))}
    )
CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"] += PAYMENT_PAGES
