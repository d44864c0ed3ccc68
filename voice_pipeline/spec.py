"""The order that the program is given: one model per operation, everything strict."""

import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError

from voice_pipeline.adapters.kinds import Kind, options_of
from voice_pipeline.contract import SpecError
from voice_pipeline.roots import inside
from voice_pipeline.strict import Strict
from voice_pipeline.tiers import TIER_RULES, InspectOptions

LARGEST_SPEC = 4 * 1024**2

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1, max_length=2_000)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z]{2,4})?$")]
StorePath = Annotated[Path, AfterValidator(inside)]


T = TypeVar("T")


class Clip(Strict):
    path: StorePath
    sha256: Digest | None = None


Clips = Annotated[list[Clip], Field(min_length=1, max_length=100)]
Options = dict[str, Any]


class EngineChoice(Strict):
    kind: Kind
    engine_dir: StorePath | None = None


class Order(Strict):
    """What all operations share."""

    contract: Literal[1]
    job: Name
    workdir: StorePath
    options: Options = {}


class Inspect(Order):
    operation: Literal["inspect"]
    clips: Clips
    engine: EngineChoice | None = None
    tier: Name = "standard"

    def parsed_options(self) -> InspectOptions:
        return InspectOptions.model_validate(self.options)


class ForEngine(Order):
    engine: EngineChoice

    def parsed_options(self, given: Options | None = None) -> BaseModel:
        """The options (or those given instead) as the engine takes them for this operation."""
        operation = self.operation  # type: ignore[attr-defined]
        return options_of(self.engine.kind, operation).model_validate(self.options if given is None else given)


class Condition(ForEngine):
    operation: Literal["condition"]
    clips: Clips
    tier: Name | None = None


class Verify(ForEngine):
    operation: Literal["verify"]
    conditioning_path: StorePath
    clips: Clips
    tier: Name | None = None
    text: Text | None = None
    language: Language = "en"


class Sample(ForEngine):
    operation: Literal["sample"]
    conditioning_path: StorePath
    text: Text
    tier: Name | None = None
    language: Language = "en"


class Train(ForEngine):
    operation: Literal["train"]
    manifest_path: StorePath
    resume_dir: StorePath | None = None


class Export(ForEngine):
    operation: Literal["export"]
    run_dir: StorePath
    out_dir: StorePath


class Item(Strict):
    """One voice of a rebuild; its own tier, text, language and options win over those of the order."""

    voice: Name
    clips: Clips
    tier: Name | None = None
    text: Text | None = None
    language: Language | None = None
    options: Options | None = None


class Rebuild(ForEngine):
    operation: Literal["rebuild"]
    items: Annotated[list[Item], Field(min_length=1, max_length=2_000)]
    tier: Name | None = None
    text: Text | None = None
    language: Language = "en"


Spec = Annotated[
    Inspect | Condition | Verify | Sample | Train | Export | Rebuild,
    Field(discriminator="operation"),
]
_spec: TypeAdapter[Spec] = TypeAdapter(Spec)


def read(source: str) -> bytes:
    """The bytes of a spec: of a file, or of standard input for `-`. Raises SpecError."""
    try:
        if source == "-":
            content = sys.stdin.buffer.read(LARGEST_SPEC + 1)
        else:
            with Path(source).open("rb") as file:
                content = file.read(LARGEST_SPEC + 1)
    except (OSError, ValueError) as error:
        raise SpecError(f"the spec cannot be read: {error}") from error
    if len(content) > LARGEST_SPEC:
        raise SpecError(f"the spec has more than {LARGEST_SPEC // 1024**2} MiB")
    return content


def parse(content: bytes) -> Spec:
    """Raises SpecError with every fault that was found, each by the name of its field."""
    order = _checked(lambda: _spec.validate_json(content))
    options = _checked(order.parsed_options, "options")
    if isinstance(order, Inspect) and isinstance(options, InspectOptions):
        known = options.tier_rules or TIER_RULES
        if order.tier not in known:
            raise SpecError(f"tier: must be one of {', '.join(known)}")
    if isinstance(order, Rebuild):
        if twice := [name for name, times in Counter(item.voice for item in order.items).items() if times > 1]:
            raise SpecError(f"items: {twice[0]} is there more than once")
        for number, item in enumerate(order.items):
            _checked(partial(order.parsed_options, item.options), f"items.{number}.options")
    return order


def _checked(work: Callable[[], T], prefix: str = "") -> T:
    try:
        return work()
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        faults = [_fault(prefix, fault["loc"], fault["msg"]) for fault in found]
        shown = "; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if len(faults) > 5 else "")
        raise SpecError(shown, problems=faults[:50]) from error


def _fault(prefix: str, place: tuple[int | str, ...], message: str) -> str:
    # Without a prefix the first part of the place is the operation that chose the model.
    parts = (prefix, *place) if prefix else place[1:]
    name = ".".join(str(part) for part in parts) or "spec"
    return f"{name}: {message.removeprefix('Value error, ')}"[:400]
