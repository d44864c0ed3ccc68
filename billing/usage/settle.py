"""The usage that a request of a hold is settled with: what was reported, completed by what was authorised."""

from collections.abc import Mapping
from typing import Any

from billing.ledger.records import hold_id
from billing.metering.errors import EventRejected
from billing.usage.store import Named, named


def settlement(workspace_id: int, pk: int, raw: object) -> dict[str, Any]:
    """The usage event in `raw`, for the hold `pk`. What it leaves out is what the hold was placed for.

    Raises EventRejected for a body that is no object or names another hold; what else is wrong with it, and whether
    there is such a hold, recording finds out.
    """
    if not isinstance(raw, Mapping):
        raise EventRejected("invalid_request", "The body is a JSON object.")
    public_id = hold_id(pk)
    said = {name: value for name, value in raw.items() if value is not None}
    if said.get("hold", public_id) != public_id:
        raise EventRejected("invalid_request", "This is not the hold in the path.", "/hold")
    return {
        **_defaults(named(workspace_id, pk), said),
        **said,
        "event_id": said.get("event_id", public_id),
        "hold": public_id,
    }


def _defaults(asked: Named | None, said: Mapping[str, Any]) -> dict[str, Any]:
    if asked is None:
        return {}
    defaults: dict[str, Any] = {"project": asked.project, "agent": asked.agent, "app": asked.app, "task": asked.task}
    if "model" not in said:  # another model has variants of its own
        model = f"{asked.provider}/{asked.model}" if asked.model else ""
        defaults |= {"model": model, "variant": asked.variant}
    return defaults
