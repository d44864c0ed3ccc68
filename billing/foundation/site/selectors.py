"""Reading the site settings."""

from billing.foundation.cache import TimedCache
from billing.foundation.site.models import SiteSettings

KEEP_SECONDS = 5


def site() -> SiteSettings:
    """The site settings, at most 5 seconds old; treat the object as read-only."""
    return _cache.get(1)


def _load(pk: int) -> SiteSettings:
    # With the size of the logo, without its bytes.
    rows = SiteSettings.objects.select_related("logo").defer("logo__data")
    return rows.filter(pk=pk).first() or SiteSettings(pk=pk)  # as nobody has saved it yet; reading makes no row


_cache: TimedCache[int, SiteSettings] = TimedCache(_load, seconds=KEEP_SECONDS)


def forget_site(**_signal: object) -> None:
    """Make the next `site()` of this process read the row again."""
    _cache.clear()
