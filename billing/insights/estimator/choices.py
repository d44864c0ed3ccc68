"""What one can choose from: models, the platform's meters, the qualities that plans sell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from accounts.models import Workspace
from billing.foundation.cache import TimedCache
from billing.plans.models import PlanVersion
from billing.pricing.book import prices_for
from billing.pricing.models import CatalogModel, Meter
from billing.pricing.selectors import meters, models_list, platform_prices
from billing.pricing.terms import terms_for

LISTED = 40  # models in the list of a field
SUGGESTED = 5
# The first look of a list, before anything is typed.
COMMON: Mapping[str, tuple[str, ...]] = {
    "text": (
        "openai/gpt-4o-mini",
        "openai/gpt-4o",
        "anthropic/claude-sonnet-4-5",
        "anthropic/claude-haiku-4-5",
        "google/gemini-2.5-flash",
        "google/gemini-2.5-pro",
        "mistral/mistral-small-latest",
        "deepseek/deepseek-chat",
    ),
    "embedding": ("openai/text-embedding-3-small", "openai/text-embedding-3-large"),
    "speech": ("elevenlabs/eleven_flash_v2_5", "elevenlabs/eleven_multilingual_v2", "openai/tts-1"),
    "transcription": ("deepgram/nova-3", "openai/whisper-1", "elevenlabs/scribe_v1"),
}
# What the forms ask for by other words.
ASKED_ELSEWHERE = frozenset({"messages", "call_minutes"})


@dataclass(frozen=True)
class Suggestion:
    ref: str
    name: str


@dataclass(frozen=True)
class Metered:
    """A price of the platform's own, for whoever wants so much of it a month."""

    name: str  # of its field
    key: str
    variant: Mapping[str, str]
    label: str
    events: bool  # whether events are counted, and not what they say


@dataclass(frozen=True)
class Choices:
    meters: tuple[Metered, ...]
    free: tuple[str, ...]  # labels of what costs nothing
    qualities: tuple[str, ...]

    def ref(self, typed: str) -> str | None:
        """ "provider/model" of any name that usage understands, or None."""
        prices = prices_for(typed)
        return prices.ref if prices is not None else None

    def usual(self, wanted: str, modality: str) -> str:
        """`wanted`, or where the catalogue does not have it, the first model of this kind; empty without any."""
        if prices_for(wanted) is not None:
            return wanted
        return next((model.ref for model in common(modality)), "")

    def like(self, typed: str, modality: str) -> tuple[Suggestion, ...]:
        """Models of this kind whose names have what was typed in them, or come near to it."""
        return search(typed, modality, SUGGESTED) or _near(typed, modality)


def choices(workspace: Workspace | None = None) -> Choices:
    """What there is now, at the workspace's own prices or everybody's."""
    terms = terms_for(workspace.pk if workspace else None)
    shown = [price for price in platform_prices(terms=terms) if price.meter not in ASKED_ELSEWHERE]
    known = meters()
    priced = [price for price in shown if not price.free]
    asked = (
        Metered(
            name=_field(price.meter, price.variant),
            key=price.meter,
            variant=price.variant,
            label=f"{price.label}, {price.variant_text}" if price.variant else price.label,
            events=price.meter in known and known[price.meter].aggregation == Meter.Aggregation.COUNT,
        )
        for price in priced
        if "minimum" not in price.variant
    )
    return Choices(
        meters=tuple(asked),
        free=tuple(price.label for price in shown if price.free and not price.variant),
        qualities=_qualities.get(""),
    )


def _field(meter: str, variant: Mapping[str, str]) -> str:
    """ "m.container_days", "m.voice_clones.tier-instant": a name without blanks, also for the page's anchors."""
    said = (f"{key}-{value}" for key, value in sorted(variant.items()))
    return ".".join(["m", meter, *said]).replace(" ", "_")


def search(typed: str, modality: str, limit: int = LISTED) -> tuple[Suggestion, ...]:
    """Models of this kind that have every word of `typed` in their name."""
    found = models_list(search=typed, modality=modality, limit=limit)
    return tuple(Suggestion(row.ref, row.name) for row in found.rows)


def common(modality: str) -> tuple[Suggestion, ...]:
    """What the list of a field begins with: common models that the catalogue has, then others."""
    return _common.get(modality)


def _load_common(modality: str) -> tuple[Suggestion, ...]:
    known = [prices.ref for ref in COMMON[modality] if (prices := prices_for(ref)) is not None]
    names = _names.get(modality)
    first = [Suggestion(ref, names[ref]) for ref in dict.fromkeys(known) if ref in names]
    rest = [row for row in search("", modality) if row not in first]
    return tuple([*first, *rest][:LISTED])


def _near(typed: str, modality: str) -> tuple[Suggestion, ...]:
    names = _names.get(modality)
    bare = {ref.partition("/")[2]: ref for ref in reversed(names)}
    text = typed.lower().strip().replace(" ", "-")
    found: Sequence[str] = get_close_matches(text.partition("/")[2] or text, bare, n=SUGGESTED, cutoff=0.5)
    return tuple(Suggestion(bare[name], names[bare[name]]) for name in found)


def _load_names(modality: str) -> dict[str, str]:
    models = CatalogModel.objects.filter(modality=modality, retired_at=None).order_by("-by_maker", "provider", "model")
    return {f"{provider}/{model}": name for provider, model, name in models.values_list("provider", "model", "name")}


def _load_qualities(_: str) -> tuple[str, ...]:
    lists = PlanVersion.objects.filter(published_at__isnull=False).order_by("plan__position", "pk")
    named = (quality.lower() for qualities in lists.values_list("qualities", flat=True) for quality in qualities)
    return tuple(dict.fromkeys(named))


_names: TimedCache[str, dict[str, str]] = TimedCache(_load_names, seconds=30)
_common: TimedCache[str, tuple[Suggestion, ...]] = TimedCache(_load_common, seconds=30)
_qualities: TimedCache[str, tuple[str, ...]] = TimedCache(_load_qualities, seconds=30)
