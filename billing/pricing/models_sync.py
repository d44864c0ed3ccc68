"""The list of models follows its sources: new ones are added, vanished ones retire, none is ever deleted."""

from datetime import datetime

from billing.pricing.models import CatalogModel, PriceLine
from billing.pricing.sources.rows import ModelRow, Reading

FIELDS = ("name", "modality", "context_window", "aliases", "by_maker", "retired_at")


def retired() -> set[tuple[str, str]]:
    """Models that vanished from their source."""
    return set(CatalogModel.objects.exclude(retired_at=None).values_list("provider", "model"))


def sync(reading: Reading, *, now: datetime) -> None:
    """Make the catalogue's models those of `reading`; the source that described a model first keeps describing it."""
    known = {(model.provider, model.model): model for model in CatalogModel.objects.all()}
    read = {(row.provider, row.model): row for row in reading.models}
    CatalogModel.objects.bulk_create(
        [_new(row, reading.source) for key, row in read.items() if key not in known], batch_size=2000
    )
    changed = [model for key, model in known.items() if key in read and _update(model, read[key], reading.source)]
    gone = [model for key, model in known.items() if model.source == reading.source and key not in read]
    elsewhere = set(
        PriceLine.objects.exclude(source=reading.source)
        .filter(status="active", effective_to=None, model__in=[model.model for model in gone])
        .values_list("provider", "model")
    )
    for model in gone:
        if model.retired_at is None and (model.provider, model.model) not in elsewhere:
            model.retired_at = now
            changed.append(model)
    CatalogModel.objects.bulk_update(changed, FIELDS, batch_size=500)


def _new(row: ModelRow, source: str) -> CatalogModel:
    return CatalogModel(
        source=source,
        provider=row.provider,
        model=row.model,
        name=row.name,
        modality=row.modality,
        context_window=row.context_window,
        aliases=list(row.aliases),
        by_maker=row.by_maker,
    )


def _update(model: CatalogModel, row: ModelRow, source: str) -> bool:
    """Whether anything differs."""
    before = [getattr(model, field) for field in FIELDS]
    model.retired_at = None
    if model.source == source:
        model.name, model.modality, model.context_window = row.name, row.modality, row.context_window
        model.aliases, model.by_maker = list(row.aliases), row.by_maker
    return before != [getattr(model, field) for field in FIELDS]
