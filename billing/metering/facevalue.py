"""The site settings that a charge may rely on.

The face value of a credit may be changed until the ledger has its first entry. Until then settings that a process kept
for some seconds could be older than such a change, and the change could come between reading them and the entry.
"""

from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site, site
from billing.ledger.selectors import has_entries
from billing.metering.known import Known

_ENTRIES = "entries"
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
    rows = SiteSettings.objects.raw("SELECT * FROM foundation_sitesettings WHERE id = 1 FOR SHARE")
    if (found := next(iter(rows), None)) is None:  # nobody has saved them yet: there has to be something to lock
        SiteSettings.objects.get_or_create(pk=1)
        (found,) = SiteSettings.objects.raw(rows.raw_query)
    return found
