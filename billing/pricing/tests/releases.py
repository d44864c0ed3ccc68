"""Real releases of genai-prices, as rows (see data/NOTICE.md)."""

import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

from billing.pricing.sources.rows import ModelRow, PriceRow, Reading, dims_of

DATA = Path(__file__).parent / "data"


def release(version: str) -> Reading:
    """What the adapter read from that release."""
    head, *lines = gzip.decompress((DATA / f"genai-{version}.jsonl.gz").read_bytes()).decode().splitlines()
    assert json.loads(head) == {"genai-prices": version}
    rows = []
    for provider, model, meter, unit, usd, per, dims, start, end in map(json.loads, lines):
        days = [date.fromisoformat(day) if day else None for day in (start, end)]
        rows.append(PriceRow(provider, model, meter, unit, Decimal(usd), per, dims_of(**dims), *days))
    models = {(row.provider, row.model): ModelRow(row.provider, row.model, row.model, "text") for row in rows}
    return Reading("genai-prices", version, rows, list(models.values()))
