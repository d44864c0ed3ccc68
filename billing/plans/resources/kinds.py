"""What each kind of resource is billed by. Prices are the catalogue's."""

from dataclasses import dataclass

from billing.plans.models import Resource


@dataclass(frozen=True)
class Billed:
    """By which meter; `one_time`: once when it is made, else for every day."""

    meter: str
    one_time: bool = False


KINDS = {
    Resource.Kind.CONTAINER: Billed("container_days"),
    Resource.Kind.STORAGE: Billed("storage_gb_days"),
    Resource.Kind.DEPLOYMENT: Billed("deployments", one_time=True),
}
DAILY = tuple(kind for kind, billed in KINDS.items() if not billed.one_time)


def billed(kind: str) -> Billed:
    return KINDS[Resource.Kind(kind)]
