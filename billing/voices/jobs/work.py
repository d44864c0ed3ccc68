"""Doing a job: in the voice worker, and in tests without one."""

import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError, connection, transaction

from billing.credits import clock
from billing.foundation.audit.services import record
from billing.voices import store
from billing.voices.errors import BadResult, OutsideStore
from billing.voices.jobs.kinds import Kind, kind_of
from billing.voices.jobs.services import SILENT, job_claim
from billing.voices.models import VoiceJob, VoiceJobEvent
from billing.voices.runner import Event, Limits, Outcome, follow
from billing.voices.runner.environment import child_environment

log = logging.getLogger(__name__)
LIMITS = Limits()
CONTRACT = 1
WRITE_EVERY = 1.0  # seconds, while there is news
BEAT_EVERY = 10.0  # seconds, while there is none
MOST_EVENTS = 5_000  # rows of an attempt; what comes after is only in the log
CANCELLED, LOST, UNWRITTEN = "it was cancelled", "the job is not this worker's any more", "the database did not answer"
State = VoiceJob.State


def work_next(limits: Limits | None = None) -> VoiceJob | None:
    """Do the job that has waited longest to its end; None when none waits."""
    job = job_claim()
    if job is None:
        return None
    kind, folder = kind_of(job), store.own_folder(f"jobs/{job.public_id}")
    work = store.own_folder(f"jobs/{job.public_id}/work")
    VoiceJob.objects.filter(pk=job.pk).update(log_path=store.relative(folder) + "/log.txt")
    recorder = Recorder(job, kind, work)
    try:
        spec = kind.spec(job, work)
        outcome = follow(
            settings.VOICE_PIPELINE_CMD,
            {"contract": CONTRACT, "job": job.public_id, "operation": kind.operation, "workdir": str(work)} | spec,
            spec_file=folder / "spec.json",
            log=folder / "log.txt",
            environment=child_environment(os.environ, store.root()),
            directory=Path(settings.VOICE_PIPELINE_DIR),
            on_event=recorder.heard,
            stop_wish=recorder.wish,
            limits=limits or LIMITS,
        )
    except (ValidationError, OutsideStore) as error:
        return finish(recorder, _not_started("; ".join(getattr(error, "messages", [str(error)]))))
    except OSError as error:
        return finish(recorder, _not_started(f"The voice pipeline cannot be started: {error}"))
    except Exception:
        log.exception("voice job %s broke", job.public_id)
        finish(recorder, _not_started("It broke in the worker; the worker's log says where."))
        raise
    return finish(recorder, outcome)


def _not_started(why: str) -> Outcome:
    return Outcome(status="failed", exit_code=None, result={"message": why}, why="", bad_lines=0, last_seq=0)


@dataclass
class Recorder:
    """Writes down what a run says: progress over the last one, at most once a second; everything else line by line."""

    job: VoiceJob
    kind: Kind
    work: Path
    news: list[Event] = field(default_factory=list)
    progress: dict[str, Any] = field(default_factory=dict)
    problem: str = ""  # why it has to stop
    written: float = field(default_factory=time.monotonic)
    tried: float = 0.0
    kept: int = 0
    last_seq: int = 0

    def heard(self, event: Event) -> None:
        self.last_seq = event.seq
        if event.type == "progress":
            self.progress = _progress(event.data)
        else:
            self.news.append(event)

    def wish(self) -> str:
        """Why the run should stop; empty: it may go on."""
        now = time.monotonic()
        due = WRITE_EVERY if self.news or self.progress else BEAT_EVERY
        if now - max(self.written, self.tried) >= due and self.problem != LOST:
            self.tried = now
            try:
                self.write()
            except BadResult as error:
                self.problem = str(error)
            except (DatabaseError, InterfaceError) as error:
                log.warning("voice job %s: not written yet: %s", self.job.public_id, error)
                connection.close()
                if now - self.written > SILENT.total_seconds() * 0.8:
                    self.problem = self.problem or UNWRITTEN
        return self.problem

    def write(self) -> None:
        """Beat, and what is new. Raises BadResult where a line promises what is not so."""
        with transaction.atomic():
            rows = VoiceJob.objects.select_for_update(of=("self",), no_key=True).filter(
                pk=self.job.pk, attempt=self.job.attempt, state__in=(State.RUNNING, State.CANCELLING)
            )
            row = rows.select_related("voice", "engine_version", "rollout").first()
            if row is None:
                self.problem = LOST
                return
            self._apply(row)
        self.written, self.news, self.progress = time.monotonic(), [], {}
        if row.state == State.CANCELLING:
            self.problem = self.problem or CANCELLED

    def _apply(self, row: VoiceJob) -> None:
        """In the transaction that holds the row."""
        row.heartbeat_at, row.last_seq = clock.now(), self.last_seq
        for name, value in self.progress.items():
            setattr(row, name, value)
        for event in self.news:
            self.kind.heard(row, event, self.work)
        shown = [event for event in self.news if event.type != "result"][: max(0, MOST_EVENTS - self.kept)]
        VoiceJobEvent.objects.bulk_create(
            (
                VoiceJobEvent(job=row, attempt=row.attempt, seq=each.seq, type=each.type, data=each.data)
                for each in shown
            ),
            ignore_conflicts=True,
        )
        self.kept += len(shown)
        row.save(
            update_fields=[
                *("heartbeat_at", "last_seq", "stage", "progress_done", "progress_total", "metrics"),
                *("resume_dir", "result"),
            ]
        )


def _progress(said: dict[str, Any]) -> dict[str, Any]:
    done, total, metrics = said.get("done"), said.get("total"), said.get("metrics")
    total = total if type(total) is int and 0 <= total < 2**31 else 0
    done = done if type(done) is int and done >= 0 else 0
    numbers = metrics.items() if isinstance(metrics, dict) else ()
    return {
        "stage": str(said.get("stage", ""))[:40],
        "progress_done": min(done, total) if total else 0,
        "progress_total": total,
        "metrics": {str(name)[:40]: value for name, value in numbers if type(value) in (int, float)},
    }


def finish(recorder: Recorder, outcome: Outcome) -> VoiceJob:
    """Write down how it ended, once: whoever is not the job's worker any more changes nothing."""
    for patience in (1, 5, 15, 30, 0):
        try:
            return _finish(recorder, outcome)
        except (DatabaseError, InterfaceError):
            connection.close_if_unusable_or_obsolete()
            if not patience or connection.in_atomic_block:
                raise
            log.warning("voice job %s: its end is not written yet", recorder.job.public_id)
            time.sleep(patience)
    raise AssertionError("unreachable")


def _finish(recorder: Recorder, outcome: Outcome) -> VoiceJob:
    problem = recorder.problem if recorder.problem not in (CANCELLED, LOST, UNWRITTEN) else ""
    try:
        if not problem:
            with transaction.atomic():
                return _end(recorder, outcome, "")
    except BadResult as error:
        problem = str(error)
    with transaction.atomic():
        recorder.news = []
        return _end(recorder, outcome, f"Not believed: {problem}.")


def _end(recorder: Recorder, outcome: Outcome, lie: str) -> VoiceJob:
    rows = VoiceJob.objects.select_for_update(of=("self",)).select_related("voice", "engine_version", "rollout")
    job = rows.get(pk=recorder.job.pk)
    if job.attempt != recorder.job.attempt or job.state not in (State.RUNNING, State.CANCELLING):
        return job
    was = job.state
    if not lie:
        recorder._apply(job)
    job.state, job.error = state_after(outcome, was)
    if lie:
        job.state, job.error = State.FAILED, lie[:500]
    job.exit_code, job.finished_at = outcome.exit_code, clock.now()
    if job.state == State.DONE:
        result = outcome.result.get("result")
        recorder.kind.done(job, result if isinstance(result, dict) else {}, recorder.work)
        job.result = job.result | {"result": result}
        if job.progress_total:
            job.progress_done = job.progress_total
    job.save(
        update_fields=[
            *("state", "error", "exit_code", "finished_at", "result", "resume_dir", "progress_done"),
        ]
    )
    recorder.kind.ended(job)
    record(
        action=f"voice.job.{job.state}",
        actor="system",
        target=str(job),
        after={"attempt": job.attempt, "exit code": job.exit_code, "lines not read": outcome.bad_lines},
        reason=job.error,
    )
    return job


def state_after(outcome: Outcome, was: str) -> tuple[str, str]:
    """The state of a job whose run ended so, and why, in words."""
    said = str(outcome.result.get("message") or "")
    problems = outcome.result.get("problems")
    if isinstance(problems, list) and problems:
        said = f"{said} {' '.join(str(each) for each in problems)}".strip()
    if outcome.status == "done":
        return State.DONE, ""
    if was == State.CANCELLING:
        return State.CANCELLED, outcome.why if "killed" in outcome.why else ""
    if outcome.why in (LOST, UNWRITTEN) or (outcome.status == "cancelled" and not outcome.why):
        return State.INTERRUPTED, (outcome.why or "It was stopped from outside. Let it go on.")[:500]
    if outcome.why:
        return State.FAILED, f"Stopped: {outcome.why}."[:500]
    if outcome.status == "refused":
        return State.REFUSED, (said or "The pipeline refused it, and did not say why.")[:500]
    words = {
        "spec": "The pipeline does not understand the order",
        "engine_unavailable": "The engine is not installed where the voice worker runs",
        "busy": "Another process works in the job's folder",
        "failed": "It failed",
        "crashed": f"The pipeline crashed (exit code {outcome.exit_code})",
    }[outcome.status]
    return State.FAILED, f"{words}: {said}"[:500] if said else f"{words}. Its log says more."
