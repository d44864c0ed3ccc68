"""LiteLLM's price file (`model_prices_and_context_window_backup.json`, MIT): one flat object, USD per single unit.

Read whole from an address or a file of the operator's. Its media (images, video, speech, transcription, reranking,
pages, web search) are also what the bundled snapshot is made of.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from billing.pricing.names import PROVIDER_ALIASES
from billing.pricing.sources.documents import fingerprint, parse
from billing.pricing.sources.fetch import fetch_text
from billing.pricing.sources.litellm_fields import (
    BASE,
    IMAGE,
    MEDIA,
    MODES,
    SECOND,
    SKIPPED,
    SOLD_BY,
    stem_and_dims,
    unit_price,
)
from billing.pricing.sources.rows import ModelRow, PriceRow, Reading, SourceError, dims_of

SOURCE = "litellm"
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
REGION = re.compile(r"^bedrock/(?P<region>[a-z]{2}(-[a-z]+)+-\d)/")
LONGEST = {"provider": 80, "model": 200}  # characters, of the catalogue's columns


def read(url: str) -> Reading:
    """The file at `url`. Raises SourceError."""
    return read_file(fetch_text(url))


def read_file(text: str) -> Reading:
    """Every model of the file, whatever it does. Raises SourceError: not JSON, or without a single price."""
    reading = read_text(text, version=fingerprint(text), source=SOURCE, media_only=False)
    if not reading.rows:
        raise SourceError("there is no price in it: is it LiteLLM's price file?")
    return reading


def read_text(text: str, *, version: str, source: str = "bundled", media_only: bool = True) -> Reading:
    """The media models of the file, or all. Raises SourceError when it is not JSON."""
    notes: Counter[str] = Counter()
    rows: list[PriceRow] = []
    models: dict[tuple[str, str], ModelRow] = {}
    for name, entry in parse(text).items():
        if not isinstance(entry, dict) or name == "sample_spec":
            continue
        mode = str(entry.get("mode"))
        if media_only and mode not in MEDIA:
            continue
        of_model = _Entry(name, entry, notes)
        found = list(of_model.rows())
        if found and of_model.fits:
            rows += found
            models.setdefault((of_model.provider, of_model.model), of_model.described(MODES.get(mode, "text")))
    return Reading(source, version, rows, list(models.values()), dict(notes))


class _Entry:
    """One model's entry being read."""

    def __init__(self, name: str, entry: Mapping[str, Any], notes: Counter[str]) -> None:
        self.entry, self.notes, self.mode = entry, notes, str(entry.get("mode"))
        theirs = str(entry.get("litellm_provider", "unknown"))
        model = name
        for prefix in (f"{theirs}/", f"{theirs.split('-')[0]}/"):
            model = model.removeprefix(prefix)
        self.base: dict[str, str | None] = {}
        if region := REGION.match(name):
            self.base, model = {"region": region["region"]}, name[region.end() :]
        if self.mode in ("image_generation", "image_edit") and (sized := SIZED.match(model)):
            self.base = {
                "quality": sized["quality"],
                "size": sized["size"].replace("-x-", "x"),
                "steps": sized["steps"],
            }
            model = model[sized.end() :]
        theirs = "vertex_ai" if theirs.startswith("vertex_ai") else theirs
        self.provider, self.model = PROVIDER_ALIASES.get(theirs, theirs), model

    @property
    def fits(self) -> bool:
        """Whether the names fit the catalogue's columns."""
        fits = all(len(getattr(self, name)) <= longest for name, longest in LONGEST.items())
        if not fits:
            self.notes["a name that is too long"] += 1
        return fits

    def described(self, modality: str) -> ModelRow:
        most = self.entry.get("max_input_tokens") or self.entry.get("max_tokens")
        window = int(most) if modality == "text" and isinstance(most, Decimal) and 0 < most < 2**31 else None
        maker = self.provider in MAKERS and "/" not in self.model
        return ModelRow(self.provider, self.model, self.model, modality, window, by_maker=maker)

    def rows(self) -> Iterator[PriceRow]:
        for field, value in self.entry.items():
            if field == "tiered_pricing":
                yield from self._tiers(value)
            elif "cost" not in field:
                continue
            elif field == "search_context_cost_per_query" and isinstance(value, dict):
                yield from self._searches(value)
            elif isinstance(value, Decimal) and value >= 0:
                yield from self._field(field, value)
            elif value is not None:
                self.notes[f"{field} in {self.mode}, which is no price"] += 1
        yield from self._audio_variants()

    def _row(self, meter: str, unit: str, price: Decimal, **dims: str | None) -> PriceRow:
        published, per = unit_price(unit, price, self.entry.get("metadata") or {})
        return PriceRow(self.provider, self.model, meter, unit, published, per, dims_of(**{**self.base, **dims}))

    def _field(self, field: str, price: Decimal, *, over: str | None = None) -> Iterator[PriceRow]:
        stem, dims = stem_and_dims(field)
        if over:
            dims["context_over"] = over
        named = self._meter(stem, price)
        if named is None or field in SKIPPED:
            self.notes[f"{field} in {self.mode}"] += 1
        elif price or self._zero_counts(named[0]):
            yield self._row(*named, price, **dims)

    def _zero_counts(self, meter: str) -> bool:
        """A zero beside other prices only fills the column."""
        if self.mode in MEDIA:
            return self.mode in ("image_edit", "search")
        return meter in SOLD_BY and not (self.mode == "embedding" and meter == "output_tokens")

    def _tiers(self, tiers: Any) -> Iterator[PriceRow]:
        """Prices by the size of the context: each tier names its range of tokens, the first one begins at none."""
        for tier in tiers if isinstance(tiers, list) else ():
            span = tier.get("range") if isinstance(tier, dict) else None
            if not isinstance(span, list) or not span or not isinstance(span[0], Decimal):
                self.notes[f"tiered_pricing in {self.mode}, not by tokens"] += 1
                continue
            over = str(int(span[0])) if span[0] > 0 else None
            for field, value in tier.items():
                if "cost" in field and isinstance(value, Decimal) and value >= 0:
                    yield from self._field(field, value, over=over)

    def _meter(self, stem: str, price: Decimal) -> tuple[str, str] | None:
        if stem in ("input_cost_per_second", "output_cost_per_second"):
            return self._second(stem)
        if stem in ("input_cost_per_image", "output_cost_per_image"):
            return self._image(stem)
        if stem in ("input_cost_per_pixel", "output_cost_per_pixel"):
            priced = self.entry.keys() & {"output_cost_per_image", "input_cost_per_image"}
            return None if priced or not price else ("output_pixels", "pixel")
        if stem == "input_cost_per_token_cache_hit" and "cache_read_input_token_cost" in self.entry:
            return None  # the same under its older name
        if stem == "input_cost_per_token" and self.mode == "embedding":
            return ("embedding_tokens", "token")
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

    def _searches(self, prices: Mapping[str, Any]) -> Iterator[PriceRow]:
        """Priced by the size of the search context; medium is what an unnamed size costs."""
        for size, price in prices.items():
            if not isinstance(price, Decimal) or price < 0:
                continue
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
