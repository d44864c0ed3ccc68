"""Drift is told: in the log at every run, by e-mail once a day and at once when something new is found."""

import logging
from datetime import timedelta

import pytest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.foundation.outbox.models import OutboxMessage
from billing.ledger import alarm
from billing.ledger.alarm import standing_alarm, tell_operator
from billing.ledger.jobs import LedgerDrift, verify_ledger
from billing.ledger.records import Problem
from billing.ledger.tests.helpers import NOON, grant, spend
from billing.ledger.tests.test_tampering import tamper

DAY = timedelta(days=1)


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("op@example.com", "correct horse 9")


@pytest.fixture
def used(ws: int, operator: User) -> int:
    grant(ws, 50, now=NOON)
    spend(ws, 7, now=NOON)
    return ws


def run(now: object = NOON) -> None:
    with pytest.raises(LedgerDrift):
        verify_ledger(now=now, limit=1)  # type: ignore[arg-type]


def mails() -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(kind="ledger.drift").order_by("pk"))


def test_a_clean_ledger_tells_nobody(used: int) -> None:
    assert verify_ledger(now=NOON, limit=1) == 0
    assert mails() == []


def test_a_changed_row_is_mailed_once_a_day_and_logged_every_time(used: int, caplog: pytest.LogCaptureFixture) -> None:
    tamper("UPDATE ledger_lot SET remaining = remaining - 1")
    run()
    (mail,) = mails()
    assert mail.to == ["op@example.com"]
    assert "does not add up" in mail.subject
    assert f"- {Workspace.objects.get(pk=used).public_id}: lot_remaining: lot" in mail.text
    assert "promotion: 0.000000001 credits of what was issued are nowhere to be found" in mail.text
    assert "&" not in mail.text
    assert "docs/operations.md" in mail.text
    caplog.clear()
    with caplog.at_level(logging.CRITICAL):
        run(NOON + timedelta(hours=1))
    assert "lot_remaining" in caplog.text
    assert len(mails()) == 1
    run(NOON + DAY)
    assert len(mails()) == 2


def test_usage_that_goes_on_is_no_new_finding(used: int) -> None:
    tamper("UPDATE ledger_transfer SET amount = amount + 1 WHERE seq = 1")
    run()
    spend(used, 3)
    run()
    assert len(mails()) == 1


def test_a_new_finding_is_mailed_at_once(used: int) -> None:
    tamper("UPDATE ledger_lot SET remaining = remaining - 1")
    run()
    tamper("UPDATE ledger_transfer SET kind = 'usage.extra' WHERE seq = 2")
    run()
    assert len(mails()) == 2
    assert "transfer 2: digest" in mails()[1].text


def test_a_second_lot_that_is_wrong_is_a_new_finding(used: int) -> None:
    grant(used, 9, now=NOON)
    tamper("UPDATE ledger_lot SET remaining = remaining - 1 WHERE amount = 9")
    run()
    tamper("UPDATE ledger_lot SET remaining = remaining - 1 WHERE amount = 50")
    run()
    assert len(mails()) == 2


def test_only_people_who_may_do_everything_are_told(used: int) -> None:
    User.objects.create_superuser("second@example.com", "correct horse 9")
    User.objects.create_user("staff@example.com", "correct horse 9", is_staff=True)
    gone = User.objects.create_superuser("gone@example.com", "correct horse 9")
    gone.is_active = False
    gone.save()
    assert alarm.operators() == ["op@example.com", "second@example.com"]


def test_without_an_operator_the_log_says_so(used: int, caplog: pytest.LogCaptureFixture) -> None:
    User.objects.update(is_superuser=False)
    tamper("UPDATE ledger_lot SET remaining = remaining - 1")
    with caplog.at_level(logging.CRITICAL):
        run()
    assert "there is no active superuser" in caplog.text
    assert mails() == []


def test_a_long_list_is_cut_and_says_how_many_are_left_out(used: int) -> None:
    tell_operator([Problem(used, "digest", f"finding {n}", n) for n in range(1, 31)], now=NOON)
    (mail,) = mails()
    assert "finding 20\n" in mail.text
    assert "finding 21" not in mail.text
    assert "and 10 more" in mail.text


def test_the_alarm_stands_until_a_run_is_clean(used: int) -> None:
    with clock.at(NOON):
        run_due(only="verify_ledger")
        assert standing_alarm() == ""
        tamper("UPDATE ledger_lot SET remaining = remaining - 1")
        run_due(only="verify_ledger")
        assert standing_alarm().startswith("The ledger does not add up: 4 problems; the first: workspace")
        tamper("UPDATE ledger_lot SET remaining = remaining + 1")
        run_due(only="verify_ledger")
        assert standing_alarm() == ""
