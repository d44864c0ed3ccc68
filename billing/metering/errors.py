"""Why usage is not recorded. The codes are those of the HTTP contract."""


class EventRejected(Exception):
    """A malformed event. `pointer` is a JSON pointer into it; nothing was stored or charged. `resolution` says of one
    that names a hold which has ended how it did.
    """

    def __init__(self, code: str, detail: str, pointer: str = "", *, event_id: str = "", resolution: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pointer = pointer
        self.event_id = event_id
        self.resolution = resolution


class EventConflict(Exception):
    """The event id was used before for something else; the first event stands, nothing was charged."""

    code = "idempotency_conflict"

    def __init__(self, event_id: str) -> None:
        self.event_id = event_id
        self.detail = f"Event “{event_id}” was recorded before with other content. Nothing was charged again."
        super().__init__(self.detail)


def no_such_hold(event_id: str = "") -> EventRejected:
    """The workspace has no such hold, or a key of another class placed it."""
    return EventRejected("not_found", "There is no such hold. Nothing was charged.", "/hold", event_id=event_id)


def hold_resolved(event_id: str, resolution: str) -> EventRejected:
    """The hold has ended and cannot pay; `resolution` says how: "settle", "release" or "expire"."""
    how = {
        "settle": "This hold was settled by another event.",
        "release": "This hold was released.",
        "expire": "This hold has expired, and another event was recorded for it.",
    }
    detail = f"{how[resolution]} Nothing was charged. To charge this usage to the balance, send it without “hold”."
    return EventRejected("hold_resolved", detail, "/hold", event_id=event_id, resolution=resolution)


def does_not_fit(event_id: str) -> EventRejected:
    """The charge is more than 64 bits of nano-credits hold."""
    detail = "This usage would cost more than the ledger can hold. Nothing was charged."
    return EventRejected("amount_out_of_range", detail, "/usage", event_id=event_id)
