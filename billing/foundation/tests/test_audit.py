"""The audit log: written with the change, never rewritten."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory

from accounts import hooks
from accounts.models import User, Workspace
from billing.foundation.audit.models import AuditEntry
from billing.foundation.audit.services import record

pytestmark = pytest.mark.django_db


def test_entry_says_who_what_and_from_where(alice: User, workspace: Workspace, rf: RequestFactory) -> None:
    entry = record(
        action="plan.changed",
        actor=alice,
        workspace=workspace,
        target="Pro",
        before={"price": Decimal("29.00")},
        after={"at": datetime(2026, 1, 2, tzinfo=UTC)},
        reason="asked by phone",
        request=rf.get("/", REMOTE_ADDR="198.51.100.7"),
    )
    entry.refresh_from_db()
    assert (entry.actor_label, entry.ip) == ("alice@example.com", "198.51.100.7")
    assert entry.before == {"price": "29.00"}
    assert entry.after == {"at": "2026-01-02T00:00:00Z"}


def test_actor_without_account_is_named_in_words() -> None:
    assert record(action="a", actor="service key psk_12345678").actor_label == "service key psk_12345678"
    assert record(action="a", actor=None).actor_label == "system"


def test_long_and_odd_texts_never_undo_the_change() -> None:
    entry = record(action="a" * 99, actor="b" * 999, target="c" * 999, reason="d\x00" * 999, after={"x\x00": "\x00y"})
    entry.refresh_from_db()
    assert (len(entry.action), len(entry.actor_label), len(entry.target), len(entry.reason)) == (60, 200, 200, 500)
    assert entry.after == {"x": "y"}


def test_changes_of_access_are_heard() -> None:
    hooks.emit(action="api_key.revoked", actor=None, workspace=None, target="pws_12345678")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target, entry.actor_label) == ("api_key.revoked", "pws_12345678", "operator")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE foundation_auditentry SET reason = 'better'",
        "UPDATE foundation_auditentry SET actor_label = 'somebody else'",
        "UPDATE foundation_auditentry SET actor_id = (SELECT max(id) FROM accounts_user)",
        "DELETE FROM foundation_auditentry",
        "TRUNCATE foundation_auditentry",
    ],
)
def test_history_cannot_be_rewritten(alice: User, bob: User, sql: str) -> None:
    record(action="a", actor=alice)
    connection.check_constraints()  # TRUNCATE would stumble over the deferred ones before it meets the trigger
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert AuditEntry.objects.get().actor == alice


def test_a_person_may_be_deleted_and_the_entry_stays(alice: User) -> None:
    record(action="a", actor=alice)
    alice.delete()
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.actor_label) == (None, "alice@example.com")
