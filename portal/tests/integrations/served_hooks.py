"""Loaded by schemathesis for test_served_document.py: what it cannot know of this API from the document alone."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import schemathesis
from hypothesis.configuration import set_hypothesis_home_dir
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.generation.meta import CoverageScenario, coverage_scenario

from portal.home import BASE_DIR

JSON_LINES = "application/jsonl"
# Which characters can be encoded is worked out once, and not by every run in a directory of its own.
set_hypothesis_home_dir(BASE_DIR / ".hypothesis")

_met: Counter[tuple[str, CoverageScenario]] = Counter()


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    """Keeps what each operation was answered with; another method on its path is not that operation."""
    if case.method.upper() != case.operation.method.upper():
        return
    with Path(os.environ["SEEN"]).open("a") as seen:
        seen.write(f"{case.operation.definition.raw['operationId']} {response.status_code}\n")


@schemathesis.hook
def filter_case(context: HookContext, case: Case) -> bool:
    """Of all that the limits of fields ask for: of each operation and each kind, the first and every SHARE-th."""
    if (scenario := coverage_scenario(case)) is None:
        return True
    kind = (case.operation.label, scenario)
    _met[kind] += 1
    return (_met[kind] - 1) % int(os.environ["SHARE"]) == 0


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """A bad event of a batch rejects itself alone, so the batch is accepted: `bad_events_are_rejected` counts there."""
    tolerated = isinstance(failure, AcceptedNegativeData) and batch_of(case, response) is not None
    return not (tolerated and not faults_of_batch(case, response))


@schemathesis.check
def bad_events_are_rejected(ctx: CheckContext, response: Response, case: Case) -> None:
    """Of a batch: every event that is not as described is among the rejected."""
    assert not (faults := faults_of_batch(case, response)), faults


@schemathesis.check
def every_line_is_as_described(ctx: CheckContext, response: Response, case: Case) -> None:
    """Of an answer in JSON Lines, whose schema is that of one line."""
    if response.headers.get("content-type", [""])[0].startswith(JSON_LINES):
        lines = [json.loads(line) for line in response.content.splitlines()]
        line = validator(case, "ProofLine")
        assert lines
        assert not [error for each in lines for error in line.iter_errors(each)]


@schemathesis.deserializer(JSON_LINES)
def first_line(context: Any, response: Response) -> Any:
    return json.loads(response.content.splitlines()[0])


def batch_of(case: Case, response: Response) -> tuple[str, list[Any]] | None:
    """The events of an accepted batch and the component that describes each; None for everything else."""
    sent = json.loads(response.request.body or b"null") if response.status_code == 200 else None
    if case.path == "/api/v1/usage/batch" and isinstance(sent, dict) and sent.keys() == {"events"}:
        return "BatchEvent", sent["events"]
    if case.path == "/api/v1/usage/events" and isinstance(sent, list):
        return "CloudEvent", sent
    return None


def faults_of_batch(case: Case, response: Response) -> list[str]:
    """What of a batch is not as described, and yet not among what the answer rejects."""
    batch = batch_of(case, response)
    if batch is None:
        return []
    name, events = batch
    rejected = {each["index"] for each in json.loads(response.content)["rejected"]}
    return list(_accepted_faults(validator(case, name), events, rejected))


def _accepted_faults(event: Any, events: list[Any], rejected: set[int]) -> Iterator[str]:
    for index, each in enumerate(events):
        if index not in rejected:
            yield from (f"event {index}: {error.message}" for error in event.iter_errors(each))


def validator(case: Case, name: str) -> Any:
    """Of the component `name` of the served document."""
    components = case.operation.schema.raw_schema["components"]
    schema = {"$ref": f"#/components/schemas/{name}", "components": components}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
