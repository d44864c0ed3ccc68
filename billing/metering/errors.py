"""Why usage is not recorded. The codes are those of the HTTP contract."""


class EventRejected(Exception):
    """A malformed event. `pointer` is a JSON pointer into it; nothing was stored or charged."""

    def __init__(self, code: str, detail: str, pointer: str = "", *, event_id: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pointer = pointer
        self.event_id = event_id


class EventConflict(Exception):
    """The event id was used before for something else; the first event stands, nothing was charged."""

    code = "idempotency_conflict"

    def __init__(self, event_id: str) -> None:
        self.event_id = event_id
        self.detail = f"Event “{event_id}” was recorded before with other content. Nothing was charged again."
        super().__init__(self.detail)


def does_not_fit(event_id: str) -> EventRejected:
    """The charge is more than 64 bits of nano-credits hold."""
    detail = "This usage would cost more than the ledger can hold. Nothing was charged."
    return EventRejected("amount_out_of_range", detail, "/usage", event_id=event_id)
