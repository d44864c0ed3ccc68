"""Keys that this process has read within the last minute.

Looking a key up costs a round trip and a tenth of recording an event. The routes that record or hold take the key as
it was read, and ask in the transaction that writes whether it is still the same (`Found.unchanged`): a key that was
revoked, has lost a scope, or whose workspace was changed, writes nothing from that moment on, in whichever process.
"""

from accounts.selectors.keys import SHAPE
from accounts.selectors.lookup import Found, key_by_digest
from accounts.services.keys import digest_of, touched
from billing.foundation.cache import TimedCache

SECONDS = 60  # for the sake of memory: what has changed is noticed at once


def known_key(authorization: str) -> Found | None:
    """The working key of an Authorization header, perhaps as it was a moment ago. None: look it up as usual; that also
    notes that it is used, which is due once a minute.
    """
    kind, _, plain = authorization.partition(" ")
    if kind.lower() != "bearer" or SHAPE.fullmatch(plain := plain.strip()) is None:
        return None
    found = _known.get(digest := digest_of(plain))
    if found is None or found.key.ended:
        return None
    if not touched(found.key):
        _known.forget(digest)
        return None
    return found


def forget(found: Found) -> None:
    """It has changed."""
    _known.forget(found.key.digest)


_known: TimedCache[str, Found | None] = TimedCache(
    key_by_digest, seconds=SECONDS, worth_keeping=lambda _, found: found is not None
)
