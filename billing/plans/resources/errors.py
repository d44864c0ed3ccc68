"""Why a resource is not what it was asked to be."""


class ResourceConflict(Exception):
    """The id stands for something else that lives; nothing was changed. `field` is what contradicts."""

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
