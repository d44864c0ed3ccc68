"""Chat and voice agents as the requests they make. Pure: no Django, no database.

What is described is one conversation or one call. Context tiers count per request, so a turn is a request of its own;
`times` says how many of it there are, and need not be whole where people gave an average.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from billing.pricing.display import TYPICAL
from billing.pricing.tariff import EXACT, HUNDRED, ZERO

ONE = Decimal(1)
SIXTY = Decimal(60)
NO_VARIANT: Mapping[str, str] = {}


@dataclass(frozen=True)
class Asked:
    """Requests of one size."""

    usage: Mapping[str, Decimal]
    times: Decimal = ONE


@dataclass(frozen=True)
class Way:
    """One way to count what a step asks for. `note`: what is taken for granted, in words."""

    asked: tuple[Asked, ...]
    note: str = ""


@dataclass(frozen=True)
class Step:
    """What an agent does with one model, or with the platform's own meters (`model` empty).

    Models are sold by different meters; the first of the `ways` that has a price counts.
    """

    name: str
    model: str
    ways: tuple[Way, ...]
    variant: Mapping[str, str] = field(default_factory=lambda: NO_VARIANT)
    label: str = ""  # how people call it; empty: by its name


@dataclass(frozen=True)
class Talk:
    """How turns use a language model.

    `input` tokens go into every turn as they are. With `history` the conversation so far goes in as well: turn k gets
    `input + (k - 1) × (message + output)`. `cached` percent of what goes in is read from the provider's cache.
    """

    model: str
    input: Decimal
    output: Decimal
    cached: Decimal = ZERO
    history: bool = False
    message: Decimal = ZERO

    def requests(self, turns: Decimal) -> Iterator[Asked]:
        """The requests of `turns` turns; of the last one only a part, when an average has one."""
        if not self.history:
            yield Asked(self._turn(0), turns)
            return
        whole = int(turns)
        for turn in range(whole):
            yield Asked(self._turn(turn))
        if turns > whole:
            yield Asked(self._turn(whole), turns - whole)

    def _turn(self, earlier: int) -> Mapping[str, Decimal]:
        sent = self.input + earlier * (self.message + self.output) if self.history else self.input
        usage = {"input_tokens": sent, "output_tokens": self.output}
        if self.cached:
            usage["cached_input_tokens"] = sent * self.cached / HUNDRED
        return usage


@dataclass(frozen=True)
class ChatAgent:
    """One conversation."""

    turns: Decimal
    talk: Talk | None
    knowledge: str = ""  # the embedding model; empty: none
    looked_up: Decimal = ZERO  # tokens embedded per turn

    def steps(self) -> tuple[Step, ...]:
        steps = [Step("messages", "", (Way((Asked({"messages": ONE}, self.turns),)),))]
        if self.talk:
            steps.append(_talk(self.talk, self.turns))
        if self.knowledge:
            asked = Asked({"input_tokens": self.looked_up}, self.turns)
            steps.append(Step("knowledge", self.knowledge, (Way((asked,)),)))
        return tuple(steps)


@dataclass(frozen=True)
class VoiceAgent:
    """One call, `speaking` percent of which the agent speaks, `characters` in a minute of its speech."""

    minutes: Decimal
    characters: Decimal
    speaking: Decimal
    turns_per_minute: Decimal
    talk: Talk | None
    voice: str = ""
    transcriber: str = ""
    quality: str = ""

    @property
    def turns(self) -> Decimal:
        return self.minutes * self.turns_per_minute

    def steps(self) -> tuple[Step, ...]:
        steps = [Step("call", "", (Way((Asked({"call_minutes": self.minutes}),)),))]
        if self.talk:
            steps.append(_talk(self.talk, self.turns))
        if self.voice:
            variant = {"quality": self.quality} if self.quality else NO_VARIANT
            steps.append(Step("speech", self.voice, self._spoken(), variant))
        if self.transcriber:
            steps.append(Step("transcription", self.transcriber, self._heard()))
        return tuple(steps)

    def utterances(self) -> tuple[tuple[Decimal, Decimal], ...]:
        """(characters, times) of what the agent says in a call, one turn at a time.

        A turn's share is seldom whole; as many turns as make the sum exact say one character more than the others.
        """
        per_minute = self.characters * self.speaking / HUNDRED
        least = per_minute // self.turns_per_minute
        longer = per_minute - least * self.turns_per_minute
        sizes = ((least, self.turns_per_minute - longer), (least + 1, longer))
        return tuple((size, times * self.minutes) for size, times in sizes if size and times)

    def _spoken(self) -> tuple[Way, ...]:
        said = self.utterances()
        base = TYPICAL["speech"][0]["input_characters"]
        tokens = {meter: Decimal(count) / base for meter, count in TYPICAL["speech"][1].items()}
        seconds = [(EXACT.divide(size * SIXTY, self.characters), times) for size, times in said]
        return (
            Way(tuple(Asked({"input_characters": size}, times) for size, times in said)),
            Way(
                tuple(Asked({"audio_output_seconds": length}, times) for length, times in seconds),
                f"Sold by the second: {self.characters:f} characters are a minute.",
            ),
            Way(
                tuple(Asked({meter: size * each for meter, each in tokens.items()}, times) for size, times in said),
                _tokens_note(tokens, "character"),
            ),
            Way((Asked({"requests": ONE}, self.turns),), "Sold by the request: one for each turn."),
        )

    def _heard(self) -> tuple[Way, ...]:
        seconds = self.minutes * SIXTY
        minute = TYPICAL["transcription"][1]
        tokens = {meter: Decimal(count) for meter, count in minute.items()}
        return (
            Way((Asked({"audio_input_seconds": seconds}),)),
            Way((Asked({"audio_seconds": seconds}),)),
            Way(
                (Asked({meter: self.minutes * each for meter, each in tokens.items()}),),
                _tokens_note(tokens, "minute"),
            ),
        )


@dataclass(frozen=True)
class Extra:
    """Any meter of the platform, with the quantity of a month. `events`: of this meter, events are what is counted."""

    meter: str
    quantity: Decimal
    variant: Mapping[str, str] = field(default_factory=lambda: NO_VARIANT)
    label: str = ""
    events: bool = False

    def step(self) -> Step:
        asked = Asked({self.meter: ONE}, self.quantity) if self.events else Asked({self.meter: self.quantity})
        return Step("extra", "", (Way((asked,)),), self.variant, self.label)


def _talk(talk: Talk, turns: Decimal) -> Step:
    return Step("talk", talk.model, (Way(tuple(talk.requests(turns))),))


def _tokens_note(tokens: Mapping[str, Decimal], per: str) -> str:
    into, out = tokens["input_tokens"], tokens["output_tokens"]
    return f"Sold by the token: taken as {into.normalize():f} in and {out.normalize():f} out per {per}."
