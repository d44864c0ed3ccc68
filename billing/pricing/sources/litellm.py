"""LiteLLM's price file (`model_prices_and_context_window_backup.json`, MIT): one flat object, USD per single unit.

Used to make the bundled snapshot of what genai-prices does not have: images, video, speech, transcription, reranking,
pages, web search. Chat models are left to genai-prices.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from billing.pricing.names import PROVIDER_ALIASES
from billing.pricing.sources.litellm_fields import BASE, IMAGE, SECOND, SKIPPED, stem_and_dims, unit_price
from billing.pricing.sources.rows import ModelRow, PriceRow, Reading, dims_of

MODALITIES = {
    "image_generation": "image",
    "image_edit": "image",
    "video_generation": "video",
    "audio_speech": "speech",
    "audio_transcription": "transcription",
    "rerank": "rerank",
    "ocr": "ocr",
    "search": "search",
}
# Size and quality stand in front of the name: "hd/1024-x-1024/dall-e-3".
SIZED = re.compile(
    r"^(?:(?P<quality>low|medium|high|standard|hd|auto)/)?(?P<size>\d+-x-\d+|max-x-max)/(?:(?P<steps>\d+-steps|max-steps)/)?"
)
# "40 credits per second with audio, 20 without @ $0.01 per credit; priced at the with-audio rate"
AUDIO = re.compile(r"(\d+) credits per second with audio, (\d+) without @ \$([\d.]+) per credit")
MAKERS = {
    *(
        "openai",
        "google",
        "mistral",
        "cohere",
        "voyageai",
        "elevenlabs",
        "deepgram",
        "assemblyai",
        "minimax",
        "stability",
    ),
    *("black_forest_labs", "runwayml", "recraft", "x-ai", "soniox"),
}


def read_text(text: str, *, version: str, source: str = "bundled") -> Reading:
    """Every media model of the file."""
    data = json.loads(text, parse_float=Decimal, parse_int=Decimal)  # never through a binary float
    notes: Counter[str] = Counter()
    rows: list[PriceRow] = []
    models: dict[tuple[str, str], ModelRow] = {}
    for name, entry in data.items():
        modality = MODALITIES.get(entry.get("mode", "")) if isinstance(entry, dict) else None
        if modality is None or name == "sample_spec":
            continue
        found = list(_Entry(name, entry, notes).rows())
        if found:
            rows += found
            key = (found[0].provider, found[0].model)
            models.setdefault(key, ModelRow(*key, key[1], modality, by_maker=key[0] in MAKERS and "/" not in key[1]))
    return Reading(source, version, rows, list(models.values()), dict(notes))


class _Entry:
    """One model's entry being read."""

    def __init__(self, name: str, entry: Mapping[str, Any], notes: Counter[str]) -> None:
        self.entry, self.notes, self.mode = entry, notes, str(entry["mode"])
        theirs = str(entry.get("litellm_provider", "unknown"))
        model = name
        for prefix in (f"{theirs}/", f"{theirs.split('-')[0]}/"):
            model = model.removeprefix(prefix)
        self.base: dict[str, str | None] = {}
        if self.mode in ("image_generation", "image_edit") and (sized := SIZED.match(model)):
            self.base = {
                "quality": sized["quality"],
                "size": sized["size"].replace("-x-", "x"),
                "steps": sized["steps"],
            }
            model = model[sized.end() :]
        theirs = "vertex_ai" if theirs.startswith("vertex_ai") else theirs
        self.provider, self.model = PROVIDER_ALIASES.get(theirs, theirs), model

    def rows(self) -> Iterator[PriceRow]:
        for field, value in self.entry.items():
            if "cost" not in field:
                continue
            if field == "search_context_cost_per_query":
                yield from self._searches(value)
            elif isinstance(value, Decimal):
                yield from self._field(field, value)
        yield from self._audio_variants()

    def _row(self, meter: str, unit: str, price: Decimal, **dims: str | None) -> PriceRow:
        published, per = unit_price(unit, price, self.entry.get("metadata") or {})
        return PriceRow(self.provider, self.model, meter, unit, published, per, dims_of(**{**self.base, **dims}))

    def _field(self, field: str, price: Decimal) -> Iterator[PriceRow]:
        stem, dims = stem_and_dims(field)
        named = self._meter(stem, price)
        if named is None or field in SKIPPED:
            self.notes[f"{field} in {self.mode}"] += 1
        elif price or self.mode in ("image_edit", "search"):  # a zero beside other prices only fills the column
            yield self._row(*named, price, **dims)

    def _meter(self, stem: str, price: Decimal) -> tuple[str, str] | None:
        if stem in ("input_cost_per_second", "output_cost_per_second"):
            return self._second(stem)
        if stem in ("input_cost_per_image", "output_cost_per_image"):
            return self._image(stem)
        if stem in ("input_cost_per_pixel", "output_cost_per_pixel"):
            priced = self.entry.keys() & {"output_cost_per_image", "input_cost_per_image"}
            return None if priced or not price else ("output_pixels", "pixel")
        return BASE.get(stem)

    def _second(self, stem: str) -> tuple[str, str] | None:
        """A transcription's second may be listed as input, as output, or as both: it is one second."""
        if self.mode == "audio_transcription" and stem.startswith("output") and self.entry.get("input_cost_per_second"):
            return None
        return SECOND.get((self.mode, stem))

    def _image(self, stem: str) -> tuple[str, str] | None:
        """When only the input price is given for a generator, it means the generated image."""
        if self.mode == "audio_speech":
            return ("requests", "request")  # music, priced by the clip
        if stem.startswith("input") and (self.mode not in IMAGE or "output_cost_per_image" in self.entry):
            return ("input_images", "image")
        return ("images", "image")

    def _searches(self, prices: Mapping[str, Decimal]) -> Iterator[PriceRow]:
        """Priced by the size of the search context; medium is what an unnamed size costs."""
        for size, price in prices.items():
            short = size.removeprefix("search_context_size_")
            yield self._row("web_searches", "search", price, search_context=short)
            if short == "medium":
                yield self._row("web_searches", "search", price)

    def _audio_variants(self) -> Iterator[PriceRow]:
        """Some videos cost less without sound; the file says so in words only."""
        said = AUDIO.search(str((self.entry.get("metadata") or {}).get("comment", "")))
        if said and self.mode == "video_generation":
            for audio, credits in (("yes", said[1]), ("no", said[2])):
                yield self._row("video_seconds", "second", Decimal(credits) * Decimal(said[3]), audio=audio)
