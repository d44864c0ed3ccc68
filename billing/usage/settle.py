"""The usage that a request of a hold is settled with: what was reported, completed by what was authorised."""

from collections.abc import Mapping
from typing import Any

from billing.ledger.records import hold_id
from billing.metering.errors import EventRejected
from billing.usage.models import Authorization


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
    authorization = Authorization.objects.filter(workspace_id=workspace_id, pk=pk).first()
    return {**_defaults(authorization, said), **said, "event_id": said.get("event_id", public_id), "hold": public_id}


def _defaults(authorization: Authorization | None, said: Mapping[str, Any]) -> dict[str, Any]:
    if authorization is None:
        return {}
    names = ("project", "agent", "app", "task")
    defaults: dict[str, Any] = {name: getattr(authorization, name) for name in names}
    if "model" not in said:  # another model has variants of its own
        defaults |= {"model": authorization.model_ref, "variant": authorization.variant}
    return defaults
