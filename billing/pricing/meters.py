"""What is counted, and what is part of what. Pure: no Django, no database.

A *part* is counted inside a whole (cached tokens inside input tokens). Token kinds are sets of properties, and one
kind is part of another when it has all of the other's properties and more: cached audio tokens are part of the
cached, of the audio and of all input tokens.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

Ancestors = Mapping[str, frozenset[str]]  # meter → every meter that contains it

SUM, COUNT, MAX = "sum", "count", "max"  # how a meter's quantities make a month's

MODALITIES = ("text", "audio", "image", "video")


def _token_kinds() -> dict[str, frozenset[str]]:
    kinds = {
        "input_tokens": {"input"},
        "cached_input_tokens": {"input", "cached"},
        "cache_write_tokens": {"input", "written"},
        "cache_write_5m_tokens": {"input", "written", "5m"},
        "cache_write_1h_tokens": {"input", "written", "1h"},
        "input_tool_tokens": {"input", "tool"},
        "output_tokens": {"output"},
        "reasoning_tokens": {"output", "reasoning"},
        "output_citation_tokens": {"output", "citation"},
    }
    for modality in MODALITIES:
        kinds |= {
            f"input_{modality}_tokens": {"input", modality},
            f"cache_{modality}_read_tokens": {"input", "cached", modality},
            f"cache_{modality}_write_tokens": {"input", "written", modality},
            f"input_{modality}_tool_tokens": {"input", "tool", modality},
            f"output_{modality}_tokens": {"output", modality},
        }
    return {key: frozenset(properties) for key, properties in kinds.items()}


TOKEN_KINDS = _token_kinds()

ANCESTORS: Ancestors = {
    key: frozenset(other for other, wider in TOKEN_KINDS.items() if wider < properties)
    for key, properties in TOKEN_KINDS.items()
} | {
    "audio_input_seconds": frozenset({"audio_seconds"}),
    "audio_output_seconds": frozenset({"audio_seconds"}),
    "annotated_pages": frozenset({"pages"}),
}

# Providers report an embedding's tokens as prompt tokens; a model that prices only embedding tokens means those.
STANDS_FOR = {"input_tokens": "embedding_tokens"}

# One thing counted in two ways: when an event carries a priced meter on the right, the one on the left only informs.
SAME_THING: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "embedding": {"input_tokens": ("embedding_tokens",)},
    "image": {"images": ("output_image_tokens", "output_tokens")},
    "speech": {
        "audio_output_seconds": ("input_characters", "output_audio_tokens", "output_tokens"),
        "input_characters": ("input_tokens",),
    },
    "transcription": {"audio_input_seconds": ("input_audio_tokens", "input_tokens")},
}


# What requests of a kind are commonly measured by. To a model that is sold by the request alone it only informs.
MEASURES: Mapping[str, tuple[str, ...]] = {
    "image": ("images", "input_images"),
    "video": ("video_seconds", "video_input_seconds"),
    "speech": ("input_characters", "input_tokens", "audio_output_seconds"),
    "transcription": ("audio_input_seconds", "audio_seconds"),
}


def without_repeats(
    usage: Mapping[str, Decimal],
    same_thing: Mapping[str, tuple[str, ...]],
    priced: Container[str],
    ancestors: Ancestors,
) -> Mapping[str, Decimal]:
    """`usage` without the meters that repeat what a priced meter of it has counted, and without their parts.

    A part that is priced itself, or inside another whole, stays.
    """
    repeats = {
        meter for meter, others in same_thing.items() if any(usage.get(other) and other in priced for other in others)
    }
    if not repeats:
        return usage

    def counts(meter: str) -> bool:
        wholes = ancestors.get(meter, frozenset())
        return meter in priced or repeats.isdisjoint(wholes) or any(whole in priced for whole in wholes - repeats)

    return {meter: quantity for meter, quantity in usage.items() if meter not in repeats and counts(meter)}


def with_custom(parents: Iterable[tuple[str, str | None]]) -> Ancestors:
    """ANCESTORS plus what the operator's meters say: pairs of (meter, the meter that contains it)."""
    containing = {key: parent for key, parent in parents if parent and key not in ANCESTORS}
    merged = dict(ANCESTORS)
    for key in containing:
        found: set[str] = set()
        parent: str | None = containing[key]
        while parent and parent not in found and parent != key:
            found |= {parent, *ANCESTORS.get(parent, ())}
            parent = containing.get(parent)
        merged[key] = frozenset(found)
    return merged


def aggregate(
    usage: Mapping[str, Decimal], aggregated: Mapping[str, str], counted: Mapping[str, Decimal]
) -> Mapping[str, Decimal]:
    """`usage` as it counts: one for a meter of which events are counted, what it adds to the month's highest value so
    far for one of which that is charged. Both only above zero.
    """
    found = dict(usage)
    for meter, how in aggregated.items():
        if quantity := usage.get(meter):
            if how == COUNT:
                found[meter] = Decimal(1)
            else:
                found[meter] = max(quantity - counted.get(peak_counter(meter), Decimal(0)), Decimal(0))
    return found


def peak_counter(meter: str) -> str:
    """The name under which a month's highest value of a meter is kept."""
    return f"highest {meter}"


@dataclass(frozen=True, slots=True)
class Nesting:
    """How the meters of an event depend on each other, worked out once for a set of sent and priced meters.

    A whole that was not sent is the sum of its outermost parts; one that was sent is at least its largest part. Each
    priced meter bills its quantity without its priced parts; a part without a price is billed inside its whole.
    """

    wholes: tuple[tuple[str, bool, tuple[str, ...]], ...]  # whole, was it sent, its parts; innermost first
    own: tuple[tuple[str, tuple[str, ...]], ...]  # priced meter, its priced parts; innermost first
    order: tuple[str, ...]  # of the lines
    missing: tuple[str, ...]  # neither priced nor part of something priced

    def quantities(self, usage: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """What each priced meter bills for itself, never below zero."""
        full = dict(usage)
        for whole, sent, parts in self.wholes:
            if sent:
                full[whole] = max(full[whole], *(full[part] for part in parts))
            else:
                full[whole] = sum((full[part] for part in parts), Decimal(0))
        own: dict[str, Decimal] = {}
        for meter, parts in self.own:
            left = full[meter]
            for part in parts:
                left -= own[part]
            own[meter] = left if left > 0 else Decimal(0)
        return own


def nesting(sent: tuple[str, ...], priced: Container[str], ancestors: Ancestors) -> Nesting:
    """The Nesting of an event that sent `sent` (quantities above zero) where `priced` meters have a price."""
    containing = {whole for meter in sent for whole in ancestors.get(meter, ()) if whole in priced}
    present = list(sent)
    wholes = []
    for whole in sorted(containing, key=lambda meter: (-len(ancestors.get(meter, ())), meter)):
        parts = {meter for meter in present if whole in ancestors.get(meter, ())}
        if whole in sent:
            wholes.append((whole, True, tuple(parts)))
        else:
            outermost = tuple(part for part in parts if not parts & ancestors.get(part, frozenset()))
            wholes.append((whole, False, outermost))
            present.append(whole)
    billed = sorted((m for m in present if m in priced), key=lambda meter: -len(ancestors.get(meter, ())))
    own = tuple((m, tuple(part for part in billed if m in ancestors.get(part, ()))) for m in billed)
    missing = (m for m in sent if m not in priced and not containing & ancestors.get(m, frozenset()))
    return Nesting(tuple(wholes), own, tuple(m for m in present if m in priced), tuple(missing))
