"""The site settings that a charge may rely on.

The face value of a credit may be changed until the ledger has its first entry. Until then settings that a process kept
for some seconds could be older than such a change, and the change could come between reading them and the entry.
"""

from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site, site
from billing.ledger.selectors import has_entries
from billing.metering.known import Known

_ENTRIES = "entries"
_LOCKED = "SELECT * FROM foundation_sitesettings WHERE id = 1 FOR SHARE"
_known: Known[str, bool] = Known(1)


def charging_site() -> SiteSettings:
    """The settings, with a face value that stays as it is until the open transaction has ended.

    As long as the ledger is empty that takes a query and a shared lock on the row; later it is `site()`.
    """
    if _known.get(_ENTRIES):
        return site()
    if has_entries():
        forget_site()  # what this process keeps may be from before the first entry
        _known.remember({_ENTRIES: True})
        return site()
    if (found := next(iter(SiteSettings.objects.raw(_LOCKED)), None)) is None:
        SiteSettings.objects.get_or_create(pk=1)  # nobody has saved them yet: there has to be something to lock
        (found,) = SiteSettings.objects.raw(_LOCKED)
    return found
