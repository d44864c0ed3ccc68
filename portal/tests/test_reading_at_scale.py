"""What the summary and the overview touch of the database does not grow with events or with agents."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from accounts.scopes import WORKSPACE_SCOPES, KeyKind
from accounts.services.keys import api_key_create
from benchmarks.reading import MOST, touched
from benchmarks.seeded import Shape, seed
from billing.pricing.testing import import_demo_prices

DAYS = 8
FEW = Shape(events=1_200, days=DAYS)
MANY = Shape(events=30_000, days=DAYS, operations=20)
AGENTS = Shape(events=6_000, days=DAYS, agents=0, operations=20)
A_FEW_PAGES = 15  # what a table may be longer by without being read from end to end


@pytest.fixture
def workspaces(transactional_db: None, alice: User) -> list[Workspace]:
    """One with few events, one with twenty-five times as many, one in which each event has an agent of its own."""
    import_demo_prices()
    made = [seed(f"{shape.events} events", shape) for shape in (FEW, MANY, AGENTS)]
    for workspace in made:
        Membership.objects.create(workspace=workspace, user=alice, role=Role.OWNER)
    with connection.cursor() as cursor:
        # Neither old versions of rows nor the order in which hours were first written are pages to read; autovacuum
        # stays away from tests.
        cursor.execute("CLUSTER metering_hourtotal USING hour_total_once")
        cursor.execute("VACUUM ANALYZE")
    return made


def test_many_events_and_agents_are_no_more_work_to_read(workspaces: list[Workspace], alice_client: Client) -> None:
    for read in (_summary, lambda workspace: _overview(alice_client, workspace)):
        few, many, agents = map(read, workspaces)
        assert many <= MOST * few + A_FEW_PAGES
        assert agents <= MOST * few + A_FEW_PAGES


def _summary(workspace: Workspace) -> int:
    _, key = api_key_create(kind=KeyKind.WORKSPACE, workspace=workspace, name="reader", scopes=WORKSPACE_SCOPES)
    client = Client(headers={"Authorization": f"Bearer {key}"})
    return _second_time(lambda: client.get("/api/v1/credits/summary"))


def _overview(client: Client, workspace: Workspace) -> int:
    return _second_time(lambda: client.get(f"/w/{workspace.public_id}/"))


def _second_time(get: Callable[[], Any]) -> int:
    """The first reading in a process reads every day of the month."""
    assert get().status_code == 200
    return touched(get)
