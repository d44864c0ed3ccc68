"""The bundled snapshot of media prices: `data/media-prices.json.gz`, made by `manage.py media_snapshot_build FILE`."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.pricing.sources.rows import ModelRow, PriceRow, Reading

SOURCE = "bundled"
PATH = Path(__file__).parent.parent / "data" / "media-prices.json.gz"


def read(path: Path = PATH) -> Reading:
    """Everything in the snapshot."""
    data = json.loads(gzip.decompress(path.read_bytes()))
    rows, models = [], []
    for entry in data["models"]:
        provider, model = entry["provider"], entry["model"]
        models.append(ModelRow(provider, model, entry["name"], entry["modality"], by_maker=entry["by_maker"]))
        rows += [_row(provider, model, price) for price in entry["prices"]]
    return Reading(SOURCE, data["version"], rows, models)


def _row(provider: str, model: str, price: dict[str, Any]) -> PriceRow:
    dims = tuple(sorted(price.get("dims", {}).items()))
    return PriceRow(provider, model, price["meter"], price["unit"], Decimal(price["price"]), price["per"], dims)


def write(reading: Reading, path: Path = PATH) -> int:
    """Write `reading` as a snapshot, the same bytes for the same content; returns the number of bytes."""
    prices: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in sorted(reading.rows, key=lambda row: (row.meter, row.dims)):
        entry: dict[str, Any] = {"meter": row.meter, "unit": row.unit, "price": f"{row.price:f}", "per": row.per}
        prices.setdefault((row.provider, row.model), []).append(entry | ({"dims": dict(row.dims)} if row.dims else {}))
    models = [
        {
            "provider": model.provider,
            "model": model.model,
            "name": model.name,
            "modality": model.modality,
            "by_maker": model.by_maker,
            "prices": prices[(model.provider, model.model)],
        }
        for model in sorted(reading.models, key=lambda model: (model.provider, model.model))
    ]
    text = json.dumps({"version": reading.version, "models": models}, ensure_ascii=False, separators=(",", ":"))
    packed = gzip.compress(text.encode(), mtime=0)
    path.write_bytes(packed)
    return len(packed)
