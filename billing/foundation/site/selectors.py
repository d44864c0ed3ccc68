"""Reading the site settings."""

from billing.foundation.cache import TimedCache
from billing.foundation.site.models import SiteSettings

KEEP_SECONDS = 5


def site() -> SiteSettings:
    """The site settings, at most 5 seconds old; treat the object as read-only."""
    return _cache.get(1)


def _load(pk: int) -> SiteSettings:
    return SiteSettings.objects.get_or_create(pk=pk)[0]


_cache: TimedCache[int, SiteSettings] = TimedCache(_load, seconds=KEEP_SECONDS)


def forget_site(**_signal: object) -> None:
    """Make the next `site()` of this process read the row again."""
    _cache.clear()
