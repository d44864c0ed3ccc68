"""What a job of each kind tells the pipeline, and what follows from how it ends."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from billing.voices.models import VoiceJob
from billing.voices.runner import Event


class Kind(ABC):
    """Everything here is called in the transaction that changes the job's row, but for `spec`."""

    operation: ClassVar[str]

    @abstractmethod
    def spec(self, job: VoiceJob, work: Path) -> dict[str, Any]:
        """The spec's fields besides contract, job, operation and workdir. Raises ValidationError: the job fails."""

    def heard(self, job: VoiceJob, event: Event, work: Path) -> None:  # noqa: B027 - most kinds wait for the end
        """A line that is no progress. Raises BadResult: the job fails."""

    @abstractmethod
    def done(self, job: VoiceJob, result: dict[str, Any], work: Path) -> None:
        """The pipeline is done. Raises BadResult where its result is not what the contract says."""

    def ended(self, job: VoiceJob) -> None:  # noqa: B027
        """It ended in whatever state the row now has, after `done` where it is done."""

    def resumed(self, job: VoiceJob) -> None:  # noqa: B027
        """It is about to be queued again. Raises ValidationError where it must not be."""


def kind_of(job: VoiceJob) -> Kind:
    from billing.voices.jobs.engines import Export, Train
    from billing.voices.jobs.inspecting import Inspect
    from billing.voices.jobs.rebuilding import Rebuild

    kinds: dict[str, type[Kind]] = {
        VoiceJob.Kind.INSPECT: Inspect,
        VoiceJob.Kind.REBUILD: Rebuild,
        VoiceJob.Kind.TRAIN: Train,
        VoiceJob.Kind.EXPORT: Export,
    }
    return kinds[job.kind]()
