"""Whether customers may buy what the engine that serves makes."""

from django.conf import settings

from billing.voices.models import EngineVersion
from billing.voices.serving import channel


def offered_version() -> EngineVersion | None:
    """The version that clones are sold on; None: none is. The voices of a test engine are noise, so nobody pays real
    money for one.
    """
    version = channel().active
    if version is None or (version.is_test and settings.STRIPE_LIVE_MODE):
        return None
    return version
