"""Which sources are read, from where and how often."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from billing.foundation.audit import services as audit
from billing.pricing.models import PriceSource
from billing.pricing.sources import FETCHED, SOURCES
from billing.pricing.sources.fetch import check_url
from billing.pricing.sources.rows import SourceError

EARLY = timedelta(minutes=10)  # the job comes by every hour: what is due in a moment need not wait for the next one


def price_sources() -> list[PriceSource]:
    """The row of every source, in the order they are read; made where it is not there yet."""
    PriceSource.objects.bulk_create(
        [PriceSource(name=name, enabled=name not in FETCHED) for name in SOURCES], ignore_conflicts=True
    )
    rows = PriceSource.objects.in_bulk(list(SOURCES))
    return [rows[name] for name in SOURCES]


def enabled(*, fetched: bool = True) -> list[str]:
    """The sources that are read; without those that are `fetched`, whatever needs no network."""
    return [source.name for source in price_sources() if source.enabled and (fetched or source.name not in FETCHED)]


def due(now: datetime) -> list[str]:
    """The enabled sources whose time has come; one that failed is due again at once."""
    return [source.name for source in price_sources() if source.enabled and _is_due(source, now)]


def check_source(*, name: str, enabled: bool, url: str) -> None:
    """Raise ValidationError, by field, unless the source can be read as these say."""
    if url and name not in FETCHED:
        raise ValidationError({"url": "This source comes with Purser: it has no address."})
    if enabled and name in FETCHED and not url:
        raise ValidationError({"url": "Say where it is fetched from before it is enabled."})
    if url:
        try:
            check_url(url)
        except SourceError as problem:
            raise ValidationError({"url": f"Not this: {problem}."}) from None


def source_update(
    *, name: str, enabled: bool, url: str, refresh_hours: int, actor: User, request: HttpRequest | None = None
) -> PriceSource:
    """Change what the operator decides of a source. Raises ValidationError, and then changes nothing."""
    check_source(name=name, enabled=enabled, url=url)
    with transaction.atomic():
        source = PriceSource.objects.select_for_update().get(pk=name)
        before = _words(source)
        source.enabled, source.url, source.refresh_hours = enabled, url, refresh_hours
        source.full_clean(exclude=["name"])
        source.save(update_fields=["enabled", "url", "refresh_hours"])
        audit.record(
            action="price.source", actor=actor, target=name, before=before, after=_words(source), request=request
        )
    return source


def _is_due(source: PriceSource, now: datetime) -> bool:
    if source.error or source.read_at is None:
        return True
    return source.read_at + timedelta(hours=source.refresh_hours) <= now + EARLY


def _words(source: PriceSource) -> dict[str, object]:
    return {"enabled": source.enabled, "url": source.url, "refresh_hours": source.refresh_hours}
