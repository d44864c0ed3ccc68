"""Version 1 of the contract with whoever starts the program: docs/voice-pipeline.md."""

from typing import Literal, get_args

CONTRACT = 1

Operation = Literal["inspect", "condition", "verify", "sample", "train", "export", "rebuild"]
Status = Literal["done", "spec", "engine_unavailable", "failed", "refused", "busy", "cancelled"]

OPERATIONS: tuple[str, ...] = get_args(Operation)
EXIT_CODES: dict[Status, int] = {
    "done": 0,
    "spec": 2,
    "engine_unavailable": 3,
    "failed": 4,
    "refused": 5,
    "busy": 6,
    "cancelled": 130,
}


class PipelineError(Exception):
    """What ends an operation with a status of its own; `code` is for programs, the text for people."""

    status: Status = "failed"

    def __init__(self, message: str, *, code: str = "", problems: list[str] | None = None) -> None:
        super().__init__(message)
        self.code = code or self.status
        self.problems = problems or []


class SpecError(PipelineError):
    """The order itself is wrong: nothing was touched."""

    status: Status = "spec"


class EngineUnavailable(PipelineError):
    """The engine is not installed here, or its folder lacks files."""

    status: Status = "engine_unavailable"


class Refused(PipelineError):
    """What was given is not acceptable; trying again does not help."""

    status: Status = "refused"


class Busy(PipelineError):
    """Another process works in the same folder."""

    status: Status = "busy"


class Cancelled(KeyboardInterrupt):
    """Somebody asked to stop. No Exception, so that no library that catches errors swallows it.

    `facts` go into the result line: where a training can be gone on with.
    """

    def __init__(self, **facts: str | int | None) -> None:
        super().__init__("asked to stop")
        self.facts = facts
