"""An export while others write: consistent, and in nobody's way."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection, connections

from accounts.models import Workspace
from billing.ledger.models import Wallet
from billing.ledger.proof.export import export
from billing.ledger.proof.tests.checking import lines_of, refusal
from billing.ledger.services import credits_grant
from billing.ledger.tests.helpers import assert_clean
from billing.metering.events import EventInput
from billing.metering.record import Source, usage_record, usage_record_batch
from billing.metering.tests.conftest import event
from billing.pricing.testing import import_demo_prices

pytestmark = pytest.mark.django_db(transaction=True)
SERVICE = Source("service")
WRITERS = 3


@pytest.fixture
def busy(workspace: Workspace) -> Workspace:
    import_demo_prices()
    credits_grant(workspace_id=workspace.pk, key="start", amount=10**10, label="Pack")
    return workspace


def write(workspace: Workspace, writer: int, enough: Event) -> int:
    """Single events, batches and grants until it is enough; how many times."""
    done = 0
    try:
        while not enough.is_set():
            name = f"{writer}-{done}"
            usage_record(workspace_id=workspace.pk, source=SERVICE, event=event(name))
            events: list[EventInput] = [event(f"{name}-{n}") for n in range(5)]
            usage_record_batch(workspace_id=workspace.pk, source=SERVICE, events=list(events))
            credits_grant(workspace_id=workspace.pk, key=name, amount=10**8, label="Gift")
            done += 1
    finally:
        connections.close_all()
    return done


def test_every_proof_made_beside_writers_is_valid_and_continues_the_one_before(
    busy: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.ledger.proof.rows.CHUNK", 7)
    enough = Event()
    known: list[str] = []
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, busy, number, enough) for number in range(WRITERS)]
        try:
            while len(set(known)) < 8:
                content = b"".join(export(busy))
                assert refusal(content, *known) == ""
                closing = lines_of(content)[-2]["closing"]
                known += [f"{closing['seq']}:{closing['head']}"] if closing["seq"] else []
        finally:
            enough.set()
        assert sum(writer.result() for writer in writers) > 0
    assert_clean(busy.pk)


def test_nothing_is_kept_open_between_two_blocks(busy: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot that stays open while a customer downloads slowly would slow every writer down."""
    monkeypatch.setattr("billing.ledger.proof.export.BLOCK", 1)
    usage_record(workspace_id=busy.pk, source=SERVICE, event=event("before"))
    blocks = export(busy)
    states = []
    content = b""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    with ThreadPoolExecutor(1) as pool:
        for number, block in enumerate(blocks):
            content += block
            states.append(pool.submit(_state, pid).result())
            pool.submit(usage_record, workspace_id=busy.pk, source=SERVICE, event=event(f"meanwhile {number}")).result()
        pool.submit(connections.close_all).result()
    assert len(states) > 4
    assert set(states) == {("idle", None, None)}
    assert refusal(content) == ""
    assert b"meanwhile" not in content
    assert Wallet.objects.get(pk=busy.pk).seq > 4


def _state(pid: int) -> tuple[str, str | None, str | None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT state, backend_xid, backend_xmin FROM pg_stat_activity WHERE pid = %s", [pid])
        found: tuple[str, str | None, str | None] = cursor.fetchone()
        return found
