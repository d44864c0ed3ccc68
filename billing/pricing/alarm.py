"""Telling the operator about prices: a source that fails, and rises that wait for a decision. Once each by e-mail."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string

from billing.credits.format import rate_text
from billing.foundation.mail.others import alarm
from billing.foundation.operators import operators
from billing.foundation.site.selectors import site
from billing.pricing.held import held_lines, rises_waiting
from billing.pricing.models import PriceChange, PriceImport, PriceSource

log = logging.getLogger(__name__)
SHOWN = 20  # lines in an e-mail; the page has all


def tell_of_failure(source: str, reason: str, since: datetime) -> None:
    """Log that `source` leaves its prices as they are, and write one e-mail for as long as it goes on failing."""
    log.error("prices of %s were not refreshed: %s", source, reason)
    context = {
        "product": site().product_name,
        "source": source,
        "reason": reason,
    }
    _guarded(
        lambda: _mail(
            subject=f"{site().product_name}: prices of {source} are not refreshed",
            text=render_to_string("pricing/email/source_failed.txt", context),
            kind="price.source",
            key=f"price-source:{source}:{since.isoformat()}",
            link=f"{settings.SITE_URL}/admin/pricing/pricesource/",
            button="See the sources",
        )
    )


def tell_of_rises(record: PriceImport, changes: Iterable[PriceChange]) -> None:
    """Write an e-mail about the rises that `record` brought and that wait: until then they are sold below cost."""
    lines = [each.line for each in changes if each.kind == PriceChange.Kind.HELD and each.line is not None]
    new = [line for line in lines if line.imported_id == record.pk]
    rises = [one for one in held_lines(new, now=record.at) if one.is_rise]
    if not rises:
        return
    context = {
        "product": site().product_name,
        "source": record.source,
        "count": len(rises),
        "rises": [
            {
                "model": f"{one.line.provider}/{one.line.model}" if one.line.model else "the platform",
                "meter": one.line.meter.replace("_", " "),
                "before": rate_text(one.old_usd or Decimal(0)),
                "after": f"{rate_text(one.new_usd)} per {one.shown[1]}",
            }
            for one in rises[:SHOWN]
        ],
        "left_out": max(len(rises) - SHOWN, 0),
    }
    _guarded(
        lambda: _mail(
            subject=f"{site().product_name}: dearer prices wait for your decision ({len(rises)})",
            text=render_to_string("pricing/email/rises.txt", context),
            kind="price.rise",
            key=f"price-rise:{record.pk}",
            link=f"{settings.SITE_URL}/admin/price-approvals/",
            button="Approve or reject",
        )
    )


def standing_alarms() -> list[str]:
    """What is wrong with prices now, in sentences; empty when nothing is."""
    found = []
    for source in PriceSource.objects.filter(enabled=True).exclude(error=""):
        reason = source.error.rstrip(".")
        found.append(f"Prices of {source.name} have not been refreshed since {_day(source)}: {reason}.")
    if rises := rises_waiting():
        wait = "price waits" if rises == 1 else "prices wait"
        found.append(
            f"{rises:,} dearer {wait} for your decision (Price approvals); until then use is charged by the old one."
        )
    return found


def _day(source: PriceSource) -> str:
    return f"{source.failing_since:%Y-%m-%d %H:%M} UTC" if source.failing_since else "an unknown time"


def _mail(*, subject: str, text: str, kind: str, key: str, link: str, button: str) -> None:
    alarm(subject=subject, text=text, kind=kind, key=key, link=link, button=button)
    if not operators():
        log.error("nobody can be told by e-mail: there is no active superuser")


def _guarded(write: Callable[[], None]) -> None:
    """Whatever is wrong with the e-mail, prices and their record must not depend on it."""
    try:
        with transaction.atomic():
            write()
    except Exception:
        log.exception("the e-mail about prices could not be written")
