"""The events behind the operations of a proof, however they were reported."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Workspace
from billing.ledger.models import Operation, Transfer
from billing.metering.events import Source
from billing.metering.keys import items_digest
from billing.metering.proof import charged_items
from billing.metering.tests.conftest import event, fund

pytestmark = pytest.mark.django_db
NAMES = ["plain", "a:b", ":", "batch:1", "ü 🌊", "x" * 200]
ORIGINS = ["service", "workspace", "ce:https://gateway.example/a"]
Record = Callable[..., Any]


@pytest.fixture
def paid(workspace: Workspace, record: Record, batch: Record) -> list[int]:
    """Operations of single events of every kind of name and origin, and of batches between them."""
    fund(workspace)
    for origin in ORIGINS:
        for name in NAMES:
            record(event(name), Source(origin))
        batch([event(f"{name} {number}"[-200:]) for name in NAMES for number in range(3)], Source(origin))
    return list(Operation.objects.filter(namespace="usage").order_by("pk").values_list("pk", flat=True))


@pytest.mark.parametrize("close", [0, 50])
def test_every_operation_has_the_events_that_its_digest_covers(
    workspace: Workspace, paid: list[int], close: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.metering.proof.CLOSE", close)
    found = charged_items(workspace.pk, paid, None)
    assert found is not None
    digests = dict(Transfer.objects.filter(operation_id__in=paid).values_list("operation_id", "items_digest"))
    assert {pk: items_digest(items) for pk, items in found.items()} == {pk: bytes(d) for pk, d in digests.items()}
    assert sorted(len(items) for items in found.values()) == [1] * 18 + [18] * 3


def test_too_many_events_are_told_and_single_ones_are_never_too_many(workspace: Workspace, paid: list[int]) -> None:
    singles = [pk for pk, key in Operation.objects.filter(pk__in=paid).values_list("pk", "key") if key[0] not in "#b"]
    assert charged_items(workspace.pk, paid, 17) is None
    found = charged_items(workspace.pk, singles, 1)
    assert found is not None
    assert set(found) == set(singles)


def test_nobody_elses_events_are_told(workspace: Workspace, paid: list[int]) -> None:
    other = Workspace.objects.create(name="Other")
    assert charged_items(other.pk, paid, None) == {}
    assert charged_items(workspace.pk, [], 5) == {}
