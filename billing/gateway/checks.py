"""System checks: no real money where payments are simulated, and the other way round."""

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

KEY = re.compile(r"^(sk|rk)_(test|live)_[A-Za-z0-9]{24,}$")  # what dj-stripe accepts


@register(Tags.security)
def check_payments(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    return [Error(message, hint=hint, id=f"purser.E{number:03d}") for number, wrong, message, hint in _rules() if wrong]


def _rules() -> list[tuple[int, bool, str, str]]:
    key, live = settings.STRIPE_SECRET_KEY, settings.STRIPE_LIVE_MODE
    host = getattr(settings, "STRIPE_API_HOST", "")
    return [
        (
            1,
            bool(key) and not KEY.match(key),
            "STRIPE_SECRET_KEY is no secret key of Stripe.",
            "It begins with sk_test_, sk_live_, rk_test_ or rk_live_.",
        ),
        (2, live and bool(host), "A live key must not be used with another host.", "Unset STRIPE_API_HOST."),
        (3, live and settings.DEBUG, "A live key must not be used with DEBUG.", "Unset DEBUG."),
        (
            4,
            live and settings.DEMO,
            "A live key must not be used with the demo.",
            "Set DATABASE_URL, or PURSER_DEMO=0.",
        ),
        (
            5,
            bool(host) and not settings.DEMO,
            "Payments are simulated, and this is no demo.",
            "Unset STRIPE_API_HOST; to try things out set PURSER_DEMO=1.",
        ),
    ]
