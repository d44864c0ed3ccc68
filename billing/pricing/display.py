"""Prices as people read them: per 1M tokens, per minute, per image. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.pricing.tariff import EXACT, WEIGHT

# unit → how many of it one reads a price for, and the words
SHOWN: Mapping[str, tuple[int, str]] = {
    "token": (1_000_000, "1M tokens"),
    "character": (1_000, "1K characters"),
    "second": (60, "minute"),
    "pixel": (1_000_000, "megapixel"),
    "GB-day": (1, "GB and day"),
}
# Video is sold by the second.
SHOWN_BY_METER: Mapping[str, tuple[int, str]] = {"video_seconds": (1, "second"), "video_input_seconds": (1, "second")}

# What one request of a model commonly uses; the first one that has a price is shown.
TYPICAL: Mapping[str, tuple[Mapping[str, int], ...]] = {
    "text": ({"input_tokens": 1000, "output_tokens": 300}, {"input_tokens": 1000}),
    "realtime": ({"audio_seconds": 60}, {"input_tokens": 1000, "output_tokens": 300}),
    "embedding": ({"embedding_tokens": 1000},),
    "image": ({"images": 1}, {"input_tokens": 100, "output_image_tokens": 1000}, {"output_pixels": 1024 * 1024}),
    "video": ({"video_seconds": 5},),
    "speech": ({"input_characters": 500}, {"input_tokens": 150, "output_tokens": 800}, {"requests": 1}),
    "transcription": ({"audio_input_seconds": 60}, {"input_tokens": 800, "output_tokens": 200}, {"audio_seconds": 60}),
    "rerank": ({"searches": 1}, {"input_tokens": 1000}),
    "search": ({"searches": 1},),
    "ocr": ({"pages": 1}, {"ocr_credits": 1}, {"input_tokens": 1000, "output_tokens": 300}),
    "moderation": ({"input_tokens": 1000},),
}

# What people compare models of a kind by, if they are sold that way; the rest by what goes in.
SOLD_BY: Mapping[str, tuple[str, ...]] = {
    "image": ("images",),
    "video": ("video_seconds", "requests"),
    "speech": ("input_characters",),
    "transcription": ("audio_input_seconds", "audio_seconds"),
    "rerank": ("searches",),
    "search": ("searches",),
    "ocr": ("pages",),
}
INPUT = ("input_tokens", "embedding_tokens")
TOKENS = "1M tokens"
# The unit in which main prices of a kind can be compared; models of the kind that are sold by another one cannot.
MAIN_UNITS: Mapping[str, str] = {
    "image": "image",
    "video": "second",
    "speech": "1K characters",
    "transcription": "minute",
    "realtime": "minute",
    "rerank": "search",
    "search": "search",
    "ocr": "page",
}


def main_unit(modality: str) -> str:
    """What a price of this kind is for when models are compared by one number."""
    return MAIN_UNITS.get(modality, TOKENS)


def shown_size(meter: str, unit: str) -> tuple[int, str]:
    """How many units of a meter one reads a price for, and what that is called."""
    return SHOWN_BY_METER.get(meter) or SHOWN.get(unit, (1, unit))


def published_text(price_usd: Decimal, per: int, unit: str) -> str:
    """A price as it is published, exact: "$2.5 / 1M tokens", "$0.1 / 3,600 seconds", "$0.04 / image"."""
    size = {1_000: "1K", 1_000_000: "1M"}.get(per, f"{per:,}")
    plural = "es" if unit.endswith(("ch", "sh", "s", "x")) else "s"
    return f"${price_usd.normalize():f} / " + (unit if per == 1 else f"{size} {unit}{plural}")


@dataclass(frozen=True, slots=True)
class TierPrice:
    """What a unit costs once the month has counted `start` of them: USD and credits for `per` units."""

    start: Decimal
    price_usd: Decimal
    per: int
    credits: Decimal
    off_percent: Decimal  # of the price otherwise due; 0 for a price of its own


@dataclass(frozen=True, slots=True)
class Price:
    """One price in force, as the customer pays it: markup included, in USD and credits, for `per` units.

    `published_usd` is what the catalogue says, for as many units. With `tiers` the price is that of the month's first
    units, and `tiers` are all steps, the first one included.
    """

    meter: str
    label: str
    unit: str
    variant: Mapping[str, str]  # empty: the price when nothing is said
    price_usd: Decimal
    per: int
    credits: Decimal
    published_usd: Decimal
    markup_percent: Decimal
    price_id: int
    discount_percent: Decimal = Decimal(0)
    own: bool = False  # agreed on with this customer, in place of list price and markup
    tiers: tuple[TierPrice, ...] = ()
    graduated: bool = False  # of the tiers: each part at its own step's price; else whole events

    def usd_for(self, quantity: int) -> Decimal:
        """USD for `quantity` units."""
        return EXACT.divide(EXACT.multiply(self.price_usd, Decimal(quantity)), Decimal(self.per))

    def credits_for(self, quantity: int) -> Decimal:
        """Credits for `quantity` units."""
        return EXACT.divide(EXACT.multiply(self.credits, Decimal(quantity)), Decimal(self.per))

    @property
    def shown(self) -> tuple[int, str]:
        return shown_size(self.meter, self.unit)

    @property
    def shown_unit(self) -> str:
        return self.shown[1]

    @property
    def shown_usd(self) -> Decimal:
        return self.usd_for(self.shown[0])

    @property
    def shown_credits(self) -> Decimal:
        return self.credits_for(self.shown[0])

    @property
    def free(self) -> bool:
        return not self.price_usd

    @property
    def variant_text(self) -> str:
        """ "4k, with audio", "over 200,000 tokens": empty for the plain price."""
        return variant_words(self.variant)


def variant_words(variant: Mapping[str, str]) -> str:
    """ "4k, with audio": empty for the plain price."""
    keys = sorted(variant, key=lambda key: (WEIGHT.index(key) if key in WEIGHT else len(WEIGHT), key))
    return ", ".join(_words(key, variant[key]) for key in keys)


def main_price(modality: str, plain: Mapping[str, Price]) -> Price | None:
    """The price that a model is compared by; `plain` are its prices without a variant, by meter."""
    for meter in (*SOLD_BY.get(modality, ()), *INPUT):
        if meter in plain:
            return plain[meter]
    return next(iter(plain.values()), None)


def _words(key: str, value: str) -> str:
    if key == "context_over":
        return f"over {int(value):,} tokens"
    if key == "audio":
        return "with audio" if value == "yes" else "without audio"
    if key == "utc_window":
        return f"{value} UTC"
    if key == "minimum":
        return f"at least {value}"
    return value.replace("x", " × ") if key == "size" else value
