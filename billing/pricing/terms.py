"""Every process's view of what customers agreed on: kept like the catalogue (book.py), and read anew when the revision
of terms or prices has changed. A workspace without anything of its own costs a look into a set.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q

from billing.foundation.cache import TimedCache
from billing.pricing.agreed import NO_TERMS, Discount, Override, Schedule, Scope, Step, Terms
from billing.pricing.book import CHECK_EVERY
from billing.pricing.models import PriceDiscount, PriceOverride, PriceRevision, TierSchedule

__all__ = ["NO_TERMS", "Terms", "invalidate_terms", "terms_for"]

MOST_KEPT = 10_000  # workspaces whose terms stay in memory

Revision = tuple[int, int]


@dataclass
class _Shelf:
    revision: Revision
    everybody: Terms
    own: frozenset[int]  # workspaces that have something of their own, or had
    kept: dict[int, Terms] = field(default_factory=dict)


class _Kept(TimedCache[str, _Shelf]):
    latest: _Shelf | None = None

    def clear(self) -> None:
        super().clear()
        self.latest = None


def _look(_: str) -> _Shelf:
    revision: Revision = PriceRevision.objects.values_list("number", "terms").first() or (0, 0)
    latest = _kept.latest
    if latest is None or latest.revision != revision:
        latest = _kept.latest = _load(revision)
    return latest


_kept = _Kept(_look, seconds=CHECK_EVERY)


def terms_for(workspace_id: int | None) -> Terms:
    """What a workspace agreed on, with what holds for everybody; None: for the public."""
    shelf = _kept.get("")
    if workspace_id is None or workspace_id not in shelf.own:
        return shelf.everybody
    terms = shelf.kept.get(workspace_id)
    if terms is None:
        if len(shelf.kept) >= MOST_KEPT:
            shelf.kept.clear()
        terms = shelf.kept[workspace_id] = _terms(workspace_id, shelf.everybody)
    return terms


def invalidate_terms() -> None:
    """Forget everything in this process, now and once more when the running transaction is committed."""
    _kept.clear()
    transaction.on_commit(_kept.clear)


def _load(revision: Revision) -> _Shelf:
    tables = (PriceOverride.objects, PriceDiscount.objects, TierSchedule.objects.exclude(workspace=None))
    own: set[int] = set()
    for table in tables:
        own.update(table.order_by().values_list("workspace_id", flat=True).distinct())
    everybody = tuple(_schedules(Q(workspace=None)))
    return _Shelf(revision, Terms(schedules=everybody) if everybody else NO_TERMS, frozenset(own))


def _terms(workspace_id: int, everybody: Terms) -> Terms:
    return Terms(
        overrides=tuple(
            Override(
                row.pk,
                Scope(row.provider, row.model, row.meter, tuple(sorted(row.variant.items()))),
                row.effective_from,
                row.effective_to,
                price=None if row.price is None else row.price.normalize(),
                per=row.per or 1,
                percent=None if row.percent is None else row.percent.normalize(),
            )
            for row in PriceOverride.objects.filter(workspace_id=workspace_id)
        ),
        discounts=tuple(
            Discount(
                row.pk,
                Scope(row.provider, row.model, row.meter),
                row.effective_from,
                row.effective_to,
                percent=row.percent.normalize(),
                label=row.label,
            )
            for row in PriceDiscount.objects.filter(workspace_id=workspace_id)
        ),
        schedules=(*everybody.schedules, *_schedules(Q(workspace_id=workspace_id))),
    )


def _schedules(whose: Q) -> Iterable[Schedule]:
    for row in TierSchedule.objects.filter(whose).prefetch_related("steps"):
        yield Schedule(
            row.pk,
            Scope(row.provider, row.model, row.meter),
            row.effective_from,
            row.effective_to,
            graduated=row.mode == TierSchedule.Mode.GRADUATED,
            steps=tuple(
                Step(
                    step.start.normalize(),
                    None if step.off is None else step.off.normalize(),
                    None if step.price is None else step.price.normalize(),
                    step.per or 1,
                )
                for step in row.steps.all()
            ),
            audience=0 if row.workspace_id is None else 1 if row.source == TierSchedule.Source.PLAN else 2,
            label=row.label,
        )
