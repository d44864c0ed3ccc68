"""Trying an import, which writes nothing, and doing it: once per file, whole or not at all."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from billing.foundation.audit.services import record
from billing.foundation.imports.models import ImportRun
from billing.plans.granted import granted_together
from portal.moving.kinds import Doer, Facts, Kind
from portal.moving.table import Problem, Unreadable, rows_of

SHOWN_ROWS, SHOWN_PROBLEMS = 10, 100


@dataclass(frozen=True)
class Trial:
    """What would happen. It can be done when nothing is wrong and the file is new."""

    kind: Kind
    rows: int = 0
    entries: list[Any] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    facts: Facts = field(default_factory=list)
    done_before: ImportRun | None = None

    @property
    def can_be_done(self) -> bool:
        return self.done_before is None and not self.problems and bool(self.entries)

    @property
    def first(self) -> list[list[str]]:
        return [self.kind.shown(entry) for entry in self.entries[:SHOWN_ROWS]]

    @property
    def first_problems(self) -> list[Problem]:
        return self.problems[:SHOWN_PROBLEMS]


class NotDone(Exception):
    """Nothing was written; the trial says why."""

    def __init__(self, trial: Trial) -> None:
        super().__init__("nothing was imported")
        self.trial = trial


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def import_try(kind: Kind, data: bytes, *, on_page: bool = False) -> Trial:
    """Read the file against what there is; nothing is written. `on_page`: a browser waits for it."""
    before = ImportRun.objects.filter(kind=kind.name, digest=digest_of(data)).first()
    try:
        rows = rows_of(data, columns=kind.columns, required=kind.required)
    except Unreadable as error:
        return Trial(kind, problems=[error.problem], done_before=before)
    if on_page and len(rows) > kind.most_on_page:
        return Trial(kind, len(rows), problems=[_too_many(kind, len(rows))], done_before=before)
    reading = kind.read(rows)
    problems = sorted(reading.problems, key=lambda one: one.line)
    return Trial(kind, len(rows), reading.entries, problems, kind.facts(reading.entries), before)


def import_do(kind: Kind, data: bytes, *, file_name: str, doer: Doer) -> tuple[ImportRun, bool]:
    """What the file says, in one transaction; False when it was done before, and then nothing happens.

    Raises NotDone when something is wrong with it, and then nothing has happened either.
    """
    digest = digest_of(data)
    try:
        # What hears of credits hears of all of them together, after the commit.
        with granted_together(), transaction.atomic():
            trial = import_try(kind, data)
            if trial.done_before is not None:
                return trial.done_before, False
            if not trial.can_be_done:
                raise NotDone(trial)
            # First, so that the same file sent twice at once waits here and is then refused.
            run = ImportRun.objects.create(
                kind=kind.name,
                digest=digest,
                file_name=file_name[-200:].replace("\x00", ""),
                actor_label=doer.label[:200],
                rows=trial.rows,
            )
            run.summary = dict(_done(trial, doer))
            run.save(update_fields=["summary"])
            record(
                action=f"import.{kind.name}",
                actor=doer.actor,
                target=f"{run.file_name or 'a file'}, {trial.rows:,} rows",
                after={**run.summary, "sha256": digest},
                reason=doer.reason,
                request=doer.request,
            )
    except IntegrityError:
        before = ImportRun.objects.filter(kind=kind.name, digest=digest).first()
        if before is None:
            raise
        return before, False
    return run, True


def _too_many(kind: Kind, rows: int) -> Problem:
    command = f"manage.py import_{kind.name.replace('-', '_')}"
    return Problem(
        0, "", f"{rows:,} rows; this page takes {kind.most_on_page:,} at once. Split the file, or use {command}."
    )


def _done(trial: Trial, doer: Doer) -> Facts:
    try:
        return trial.kind.do(trial.entries, doer)
    except ValidationError as error:
        problems = [Problem(0, "", text) for text in error.messages]
        raise NotDone(Trial(trial.kind, trial.rows, [], problems)) from None
