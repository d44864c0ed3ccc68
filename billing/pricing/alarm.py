"""Telling the operator about prices: a source that fails, and rises that wait for a decision. Once each by e-mail."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string

from billing.foundation.operators import operators
from billing.foundation.outbox.services import send
from billing.foundation.site.selectors import site
from billing.pricing.lines import cost
from billing.pricing.models import PriceChange, PriceImport, PriceLine, PriceSource

log = logging.getLogger(__name__)
SHOWN = 20  # lines in an e-mail; the page has all


def tell_of_failure(source: str, reason: str, since: datetime) -> None:
    """Log that `source` leaves its prices as they are, and write one e-mail for as long as it goes on failing."""
    log.error("prices of %s were not refreshed: %s", source, reason)
    context = {
        "product": site().product_name,
        "source": source,
        "reason": reason,
        "link": f"{settings.SITE_URL}/admin/pricing/pricesource/",
    }
    _guarded(
        lambda: _mail(
            subject=f"{site().product_name}: prices of {source} are not refreshed",
            text=render_to_string("pricing/email/source_failed.txt", context),
            kind="price.source",
            key=f"price-source:{source}:{since.isoformat()}",
        )
    )


def tell_of_rises(record: PriceImport, changes: Iterable[PriceChange]) -> None:
    """Write an e-mail about the rises that `record` brought and that wait: until then they are sold below cost."""
    held = [each for each in changes if each.kind == PriceChange.Kind.HELD and each.line is not None]
    new = [each for each in held if each.line is not None and each.line.imported_id == record.pk and each.old_id]
    old = PriceLine.objects.in_bulk([each.old_id for each in new if each.old_id])
    rises = [
        (old[each.old_id], each.line)
        for each in new
        if each.old_id and each.line and _rise(old[each.old_id], each.line)
    ]
    if not rises:
        return
    context = {
        "product": site().product_name,
        "source": record.source,
        "count": len(rises),
        "rises": [
            {
                "model": f"{after.provider}/{after.model}" if after.model else "the platform",
                "meter": after.meter.replace("_", " "),
                "before": priced(before),
                "after": priced(after),
            }
            for before, after in rises[:SHOWN]
        ],
        "left_out": max(len(rises) - SHOWN, 0),
        "link": f"{settings.SITE_URL}/admin/price-approvals/",
    }
    _guarded(
        lambda: _mail(
            subject=f"{site().product_name}: dearer prices wait for your decision ({len(rises)})",
            text=render_to_string("pricing/email/rises.txt", context),
            kind="price.rise",
            key=f"price-rise:{record.pk}",
        )
    )


def standing_alarms() -> list[str]:
    """What is wrong with prices now, in sentences; empty when nothing is."""
    failing = PriceSource.objects.filter(enabled=True).exclude(error="")
    return [
        f"Prices of {source.name} have not been refreshed since {_day(source)}: {source.error}." for source in failing
    ]


def priced(line: PriceLine) -> str:
    """ "$0.15 / 1,000,000 token" """
    return f"${line.price.normalize():f} / {line.per:,} {line.unit}"


def _day(source: PriceSource) -> str:
    return f"{source.failing_since:%Y-%m-%d %H:%M} UTC" if source.failing_since else "an unknown time"


def _rise(old: PriceLine, new: PriceLine) -> bool:
    return old.unit == new.unit and cost(new) > cost(old)


def _mail(*, subject: str, text: str, kind: str, key: str) -> None:
    if to := operators():
        send(to=to, subject=subject, text=text, kind=kind, key=key)
    else:
        log.error("nobody can be told by e-mail: there is no active superuser")


def _guarded(write: Callable[[], None]) -> None:
    """Whatever is wrong with the e-mail, prices and their record must not depend on it."""
    try:
        with transaction.atomic():
            write()
    except Exception:
        log.exception("the e-mail about prices could not be written")
