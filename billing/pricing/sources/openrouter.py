"""OpenRouter's catalogue, from an address the operator sets (`https://…/api/v1` or its `/models`).

One reading is four documents: models (and those that speak), embeddings, videos, and one for each model that makes
images. Prices are texts in USD per single unit. What is not understood is left out and told, never guessed:
transcription (the unit of `prompt` differs from model to model), video SKUs of other names, routed prices ("-1").
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from billing.pricing.sources.documents import fingerprint, number, parse
from billing.pricing.sources.fetch import NotThere, check_url, fetch_text
from billing.pricing.sources.openrouter_fields import (
    BILLABLE,
    KEYS,
    MAIN,
    PARTS,
    per_unit,
    utc_window,
    video_sku,
)
from billing.pricing.sources.rows import Identity, ModelRow, PriceRow, Reading, SourceError, dims_of

SOURCE = "openrouter"
PROVIDER = "openrouter"
Document = Mapping[str, Any]
Notes = Counter[str]


def read(url: str) -> Reading:
    """Everything the catalogue at `url` has. Raises SourceError: a part that fails fails the whole."""
    return read_parts(url, fetch_text)


def read_parts(url: str, fetch: Callable[[str], str]) -> Reading:
    """As `read`, by way of `fetch`. A part that the server does not have (404) is told; the models must be there."""
    check_url(url)
    base = _base(url)
    texts = {"/models": fetch(f"{base}/models")}
    notes: Notes = Counter()
    for path in PARTS:
        _fetch_part(fetch, base, path, texts, notes)
    for model in [str(each.get("id")) for each in _listed(texts.get("/images/models"))]:
        _fetch_part(fetch, base, f"/images/models/{quote(model)}/endpoints", texts, notes)
    return read_texts(texts, notes)


def read_texts(texts: Mapping[str, str], notes: Notes | None = None) -> Reading:
    """What the documents say, by their paths. Raises SourceError."""
    notes = Counter() if notes is None else notes
    rows: dict[Identity, PriceRow] = {}
    models: dict[str, ModelRow] = {}
    for path, text in texts.items():
        if path == "/images/models":
            continue
        document = parse(text)
        listed = [_one(document)] if path.startswith("/images/") else _of(document)
        for each in listed:
            if path == "/models" and _kind(each, "output_modalities") & {"video", "transcription"}:
                notes["models of /models that are priced elsewhere or in units it does not tell"] += 1
                continue
            found = list(_rows(path, each, notes))
            rows |= {row.identity: row for row in found}  # a later override of the same thing wins
            if found:
                models.setdefault(found[0].model, _described(path, each, found[0].model))
    if not rows:
        raise SourceError("there is no price in it: is it OpenRouter's catalogue?")
    return Reading(
        SOURCE, fingerprint("".join(texts.values())), list(rows.values()), list(models.values()), dict(notes)
    )


def _base(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path.rstrip("/").removesuffix("/models")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _fetch_part(fetch: Callable[[str], str], base: str, path: str, texts: dict[str, str], notes: Notes) -> None:
    try:
        texts[path] = fetch(base + path)
    except NotThere:
        notes[f"{path.partition('?')[0]} is not there"] += 1


def _listed(text: str | None) -> list[Document]:
    return _of(parse(text)) if text else []


def _of(document: Document) -> list[Document]:
    data = document.get("data")
    if not isinstance(data, list) or not all(isinstance(each, dict) and each.get("id") for each in data):
        raise SourceError("it is JSON, but not a catalogue: a list of models with ids was expected under “data”")
    return data


def _one(document: Document) -> Document:
    model = document.get("data", document)
    if not isinstance(model, dict) or not model.get("id"):
        raise SourceError("it is JSON, but not the prices of a model that makes images")
    return model


def _kind(model: Document, which: str) -> set[str]:
    architecture = model.get("architecture")
    found = architecture.get(which) if isinstance(architecture, dict) else None
    return set(map(str, found)) if isinstance(found, list) else set()


def _described(path: str, model: Document, name: str) -> ModelRow:
    window = model.get("context_length")
    modality = next((word for part, word in MAIN.items() if path.startswith(part)), "text")
    tokens = int(window) if isinstance(window, Decimal) and 0 < window < 2**31 else None
    return ModelRow(PROVIDER, name, str(model.get("name") or name)[:200], modality, tokens)


def _rows(path: str, model: Document, notes: Notes) -> Iterator[PriceRow]:
    name = str(model["id"])
    if len(name) > 200:
        notes["a name that is too long"] += 1
    elif path.startswith("/images/"):
        yield from _images(name, model, notes)
    elif path.startswith("/videos/"):
        yield from _videos(name, model, notes)
    else:
        yield from _tokens(path, name, model, notes)


def _tokens(path: str, name: str, model: Document, notes: Notes) -> Iterator[PriceRow]:
    pricing = model.get("pricing")
    if not isinstance(pricing, dict):
        notes["a model without prices"] += 1
        return
    read = {key: number(value) for key, value in pricing.items()}
    if any(price is not None and price < 0 for price in read.values()):
        notes["a routed price (-1)"] += 1
        return
    overrides = pricing.get("overrides")
    blocks = [({}, pricing), *((_conditions(each), each) for each in overrides or ())]
    free = not any(read.get(key) for key in KEYS)
    for conditions, block in blocks:
        if conditions is None:
            notes[f"an override of {name} at times that are none"] += 1
            continue
        for key, (meter, unit) in KEYS.items():
            price = number(block.get(key))
            if key in block and (price is None or price < 0):
                notes[f"{key} of {name}, which is no price"] += 1
            elif price or (price == 0 and free and key in ("prompt", "completion")):
                yield _row(name, *_meant(path, key, meter, unit), price, **conditions)


def _meant(path: str, key: str, meter: str, unit: str) -> tuple[str, str]:
    """`prompt` of a model that speaks is a character, of an embedding its own meter."""
    if key == "prompt" and "speech" in path:
        return ("input_characters", "character")
    if key == "prompt" and path.startswith("/embeddings"):
        return ("embedding_tokens", "token")
    return (meter, unit)


def _conditions(block: Document) -> dict[str, str] | None:
    found: dict[str, str] = {}
    over = number(block.get("min_prompt_tokens"))
    if over:
        found["context_over"] = str(int(over))
    if block.get("utc_start") is not None and block.get("utc_end") is not None:
        window = utc_window(block["utc_start"], block["utc_end"])
        if window is None:
            return None
        found["utc_window"] = window
    return found


def _videos(name: str, model: Document, notes: Notes) -> Iterator[PriceRow]:
    skus = model.get("pricing_skus")
    for sku, value in skus.items() if isinstance(skus, dict) else ():
        known, price = video_sku(sku), number(value)
        if known is None or price is None or price < 0:
            notes[f"video SKU {sku} of {name} at {value}: enter its price yourself"[:200]] += 1
        elif price:
            cents, dims = known
            yield _row(name, "video_seconds", "second", price / 100 if cents else price, **dims)


def _images(name: str, model: Document, notes: Notes) -> Iterator[PriceRow]:
    """Several providers may sell one model: the dearest of them, since nobody knows who will be asked."""
    dearest: dict[str, PriceRow] = {}
    for endpoint in model.get("endpoints") or ():
        for block in endpoint.get("pricing") or ():
            named = BILLABLE.get((str(block.get("billable")), str(block.get("unit"))))
            price = number(block.get("cost_usd"))
            if named is None or price is None or price < 0:
                notes[f"image price by {block.get('billable')} and {block.get('unit')} of {name}"[:200]] += 1
            elif price:
                row = _row(name, *named, price)
                other = dearest.setdefault(row.meter, row)
                if row.price * other.per > other.price * row.per:
                    dearest[row.meter] = row
    yield from dearest.values()


def _row(model: str, meter: str, unit: str, price: Decimal, **dims: str) -> PriceRow:
    unit, published, per = per_unit(unit, price)
    return PriceRow(PROVIDER, model, meter, unit, published, per, dims_of(**dims))
