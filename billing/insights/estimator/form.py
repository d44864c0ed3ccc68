"""The description of agents, from the address: every input is a parameter, those at their default are left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms

from billing.foundation.typed import number_typed
from billing.insights.estimator.agents import ChatAgent, Extra, Talk, VoiceAgent
from billing.insights.estimator.choices import Choices, Suggestion

# The seed's examples: five turns, five minutes of which the agent speaks half, 856 characters in a minute of speech.
DEFAULTS: Mapping[str, str] = {
    "conversations": "1000",
    "turns": "5",
    "model": "openai/gpt-4o-mini",
    "input": "2000",
    "output": "150",
    "history": "",
    "message": "50",
    "cached": "0",
    "knowledge": "",
    "looked_up": "50",
    "calls": "0",
    "minutes": "5",
    "characters": "856",
    "speaking": "50",
    "voice": "elevenlabs/eleven_flash_v2_5",
    "transcriber": "deepgram/nova-3",
    "call_model": "openai/gpt-4o-mini",
    "call_turns": "2",
    "call_input": "2000",
    "call_output": "150",
    "call_history": "",
    "call_message": "50",
    "call_cached": "0",
    "quality": "",
    "at_once": "0",
}
MODELS: Mapping[str, tuple[str, str]] = {  # field -> modality, what it has to be sold by
    "model": ("text", "tokens"),
    "knowledge": ("embedding", "tokens"),
    "voice": ("speech", "characters, seconds, tokens or requests"),
    "transcriber": ("transcription", "seconds or tokens"),
    "call_model": ("text", "tokens"),
}
# The field that says the model of a step, in a chat or in a call.
FIELD_OF: Mapping[tuple[str, str], str] = {
    ("chat", "talk"): "model",
    ("chat", "knowledge"): "knowledge",
    ("call", "talk"): "call_model",
    ("call", "speech"): "voice",
    ("call", "transcription"): "transcriber",
}
# (name, title, fields, those that few people need)
SECTIONS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "chat",
        "Chat agent",
        ("conversations", "turns", "model", "input", "output"),
        ("history", "message", "cached", "knowledge", "looked_up"),
    ),
    (
        "call",
        "Voice agent",
        (
            *("calls", "minutes", "characters", "speaking", "voice", "transcriber"),
            *("call_model", "call_turns", "call_input", "call_output"),
        ),
        ("call_history", "call_message", "call_cached", "quality"),
    ),
)
MOST_TYPED = 200
MOST_OFTEN, MOST_TOKENS, MOST_QUANTITY = 1_000_000_000, 10_000_000, 1_000_000_000


class NumberField(forms.DecimalField):
    """A number as people write it: "12,000", "12 000", "2.5"."""

    widget = forms.TextInput

    def __init__(self, least: str, most: int, *, decimals: int = 0, **options: Any) -> None:
        self.wanted = f"Enter a {'number' if decimals else 'whole number'} from {least} to {most:,}."
        super().__init__(
            min_value=Decimal(least),
            max_value=Decimal(most),
            decimal_places=decimals,
            error_messages=dict.fromkeys(("required", "invalid", "max_digits"), self.wanted),
            **options,
        )
        for validator in self.validators:
            validator.message = self.wanted  # type: ignore[attr-defined]
        self.widget.attrs |= {"inputmode": "decimal" if decimals else "numeric", "autocomplete": "off"}
        self.widget.attrs |= {"maxlength": 24}

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        text = str(value if value is not None else "").strip()
        number = number_typed(text)
        if number is None and text:
            raise forms.ValidationError(self.wanted)
        return number

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is not None and -value.as_tuple().exponent > (self.decimal_places or 0):
            raise forms.ValidationError(self.wanted)


def _often(label: str, help_text: str = "") -> NumberField:
    return NumberField("0", MOST_OFTEN, label=label, help_text=help_text)


def _tokens(label: str, help_text: str = "") -> NumberField:
    return NumberField("0", MOST_TOKENS, label=label, help_text=help_text)


def _percent(label: str, help_text: str = "") -> NumberField:
    return NumberField("0", 100, decimals=2, label=label, help_text=help_text)


def _model(label: str, help_text: str = "") -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label=label, help_text=help_text, required=False, max_length=MOST_TYPED, widget=widget)


INTO = "Instructions, knowledge and, on average, what was said before."
CACHED = "Percent of the input tokens that the provider has cached."
HISTORY = "Add the conversation so far to each turn"
MESSAGE = "Tokens of one message of the user; counted only with the conversation so far."


@dataclass(frozen=True)
class Section:
    """Fields that belong together. `open`: something is said in those that few people need."""

    key: str
    title: str
    fields: list[forms.BoundField]
    more: list[forms.BoundField]
    open: bool


class EstimateForm(forms.Form):
    """Bound to the defaults with what was asked for on top."""

    use_required_attribute = False  # an emptied field is told about beside it, while the rest goes on

    conversations = _often("Conversations per month", "0: no chat agent.")
    turns = NumberField("1", 200, label="Turns per conversation", help_text="A message of the user and its answer.")
    model = _model("Model", "Empty: answers come from no model.")
    input = _tokens("Input tokens per turn", INTO)
    output = _tokens("Output tokens per turn")
    history = forms.BooleanField(required=False, label=HISTORY)
    message = _tokens("Tokens of a message", MESSAGE)
    cached = _percent("Cached share", CACHED)
    knowledge = _model("Knowledge base", "The embedding model. Empty: nothing is looked up.")
    looked_up = _tokens("Tokens looked up per turn")

    calls = _often("Calls per month", "0: no voice agent.")
    minutes = NumberField("0.1", 240, decimals=2, label="Minutes per call")
    characters = NumberField("1", 10_000, label="Characters per minute", help_text="In a minute of its speech.")
    speaking = _percent("Share of time it speaks", "Percent of the call.")
    voice = _model("Voice", "The text-to-speech model. Empty: none.")
    transcriber = _model("Transcriber", "The speech-to-text model. Empty: none.")
    call_model = _model("Model", "Empty: answers come from no model.")
    call_turns = NumberField("0.1", 20, decimals=2, label="Turns per minute")
    call_input = _tokens("Input tokens per turn", INTO)
    call_output = _tokens("Output tokens per turn")
    call_history = forms.BooleanField(required=False, label=HISTORY)
    call_message = _tokens("Tokens of a message", MESSAGE)
    call_cached = _percent("Cached share", CACHED)

    quality = forms.ChoiceField(required=False, label="Quality of the voice", help_text="As plans sell it.")
    at_once = _often("Requests at the same time", "In the busiest moment. 0: not looked at.")

    def __init__(self, asked: Mapping[str, str], *, start: Mapping[str, str], choices: Choices) -> None:
        """`start`: the inputs where the address has none; `asked`: the parameters of the address."""
        self.defaults = dict(DEFAULTS)
        for name, (modality, _) in MODELS.items():
            self.defaults[name] = DEFAULTS[name] and choices.usual(DEFAULTS[name], modality)
        super().__init__(self.defaults | dict(start) | dict(asked), auto_id="%s", label_suffix="")
        self.choices = choices
        self.suggested: dict[str, tuple[Suggestion, ...]] = {}
        quality = self.fields["quality"]
        assert isinstance(quality, forms.ChoiceField)  # noqa: S101 - for mypy
        quality.choices = [("", "Not said"), *((key, key.capitalize()) for key in choices.qualities)]
        for meter in choices.meters:
            self.fields[meter.name] = NumberField(
                "0", MOST_QUANTITY, decimals=9, required=False, label=meter.label, help_text="A month."
            )
        for name, field in self.fields.items():
            described = f"{name}-help {name}-error" if field.help_text else f"{name}-error"
            field.widget.attrs |= {"aria-describedby": described}
        for name in MODELS:
            self.fields[name].widget.attrs |= {"list": f"{name}-list"}

    def clean(self) -> None:
        for name in MODELS:
            typed = self.cleaned_data.get(name, "")
            if not typed:
                continue
            ref = self.choices.ref(typed)
            if ref is None:
                self.suggest(name, f"No model is called “{typed}”.")
            else:
                self.cleaned_data[name] = ref

    def suggest(self, name: str, problem: str) -> None:
        """The model of this field will not do; others might."""
        self.suggested[name] = self.choices.like(self.data[name], MODELS[name][0])
        self.add_error(name, problem)

    def refuse_unpriced(self, part: str, step: str) -> None:
        """The model of a step has no price for what the step asks of it."""
        name = FIELD_OF[part, step]
        self.suggest(name, f"This model is not sold by {MODELS[name][1]}.")

    def chat(self) -> ChatAgent | None:
        said = self.cleaned_data
        if not said["conversations"]:
            return None
        return ChatAgent(said["turns"], self._talk(), said["knowledge"], said["looked_up"])

    def call(self) -> VoiceAgent | None:
        said = self.cleaned_data
        if not said["calls"]:
            return None
        return VoiceAgent(
            minutes=said["minutes"],
            characters=said["characters"],
            speaking=said["speaking"],
            turns_per_minute=said["call_turns"],
            talk=self._talk("call_"),
            voice=said["voice"],
            transcriber=said["transcriber"],
            quality=said["quality"],
        )

    def extras(self) -> list[Extra]:
        asked = ((meter, self.cleaned_data[meter.name]) for meter in self.choices.meters)
        return [
            Extra(meter.key, quantity, meter.variant, meter.label, meter.events)
            for meter, quantity in asked
            if quantity
        ]

    def sections(self) -> list[Section]:
        """What is asked of each agent."""
        return [self._section(*section) for section in SECTIONS]

    def others(self) -> Section:
        """Everything that is not asked of an agent."""
        return self._section("extras", "Anything else", ["at_once"], [meter.name for meter in self.choices.meters])

    def _section(self, key: str, title: str, fields: Sequence[str], more: Sequence[str]) -> Section:
        # A list with one entry is no choice.
        asked = [name for name in more if name != "quality" or self.choices.qualities]
        told = any(self.data.get(name, "") != self.defaults.get(name, "") for name in asked)
        return Section(key, title, [self[name] for name in fields], [self[name] for name in asked], told)

    def query(self, **changes: str) -> str:
        """The address of this estimate: what was typed, without what is at its default."""
        kept: dict[str, str] = {}
        for name, field in self.fields.items():
            text = str(changes.get(name, self.data.get(name, ""))).strip()
            if name not in changes and name not in self.errors:
                text = _plain(field, self.cleaned_data.get(name), text)
            if text != self.defaults.get(name, ""):
                kept[name] = text
        # An address that says nothing starts from the person's own averages, which are not what this one says.
        return urlencode(kept or {"conversations": self.defaults["conversations"]}, safe="/")

    def _talk(self, prefix: str = "") -> Talk | None:
        said = {name: self.cleaned_data[prefix + name] for name in ("model", "input", "output", "cached", "history")}
        return Talk(**said, message=self.cleaned_data[prefix + "message"]) if said["model"] else None


def _plain(field: forms.Field, value: Any, typed: str) -> str:
    """How the address writes a valid value."""
    if isinstance(field, forms.BooleanField):
        return "on" if value else ""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return typed if value is None else str(value)
